//! Ships spooled batches to the backend in order. One batch is in flight at a time, until the backend has committed it.
//!
//! # Promise
//! | answer | result |
//! |---|---|
//! | 200 with this collector and sequence | the batch leaves the spool |
//! | 200 as a duplicate, below a mark that this collector never shipped | the batch stays; the log says how to reset the mark |
//! | any other 2xx, or a redirect (never followed) | the batch stays and is retried with backoff |
//! | 400 `bad_batch`, 413 `too_large` | the batch can never be accepted: it moves to `rejected/` and is counted, and the next batch follows |
//! | 401, 403, 409; 400 and 413 from a proxy | the batch stays; the remedy is logged once; retried slowly, and the token is read again |
//! | 401 `credential_unknown` | the collector enrols again, if it has an enrolment token, and retries once |
//! | 403 `foreign_collector` | as 400: the spool's state was lost, and with it the credential for this batch's identity |
//! | 422 of an older backend | it does not know a view or column yet: the batch stays and is retried slowly |
//! | 429, 5xx, no answer | the batch stays and is retried with backoff, or after `Retry-After` |
//!
//! May use `config` and `connect`.
//! Used by `read` (`gather`) and `operate`.

mod acknowledgement;
pub(crate) mod batch;
mod client;
mod closing;
mod credential;
mod durable;
pub(crate) mod gather;
pub(crate) mod metrics;
mod outcome;
mod own_credential;
mod queue;
mod request;
mod shipper;
mod shipping;
pub(crate) mod spool;

pub(crate) use client::Client;
pub(crate) use closing::Closing;
pub(crate) use outcome::Outcome;
pub(crate) use queue::Queue;
pub(crate) use shipper::Shipper;
pub(crate) use shipping::{drain, run};
