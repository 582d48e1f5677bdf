//! Ships spooled batches to the backend: in order, one in flight, each until the backend has committed it.
//!
//! # Promise
//! | answer | what happens |
//! |---|---|
//! | 200 with this collector and sequence | the batch leaves the spool |
//! | 200 as a duplicate, below a mark that this collector never shipped | it stays; how to set the mark back is logged |
//! | any other 2xx, or a redirect (never followed) | it stays; tried again with backoff |
//! | 400 `bad_batch`, 413 `too_large` | it will never be taken: it goes to `rejected/`, is counted, and the next one follows |
//! | 401, 403, 409; 400 and 413 of somebody else (a proxy) | it stays; the remedy is logged once; tried again slowly, with the token read anew |
//! | 401 `credential_unknown` | the collector enrols anew, where it has an enrolment token, and tries once more |
//! | 403 `foreign_collector` | as 400: the spool's state was lost, and with it the credential of this batch's identity |
//! | 422 | the backend does not know a view or column yet: it stays, and is tried again slowly |
//! | 429, 5xx, no answer | it stays; tried again with backoff, or when `Retry-After` says |
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
