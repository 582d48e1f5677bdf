//! Discovers PostgreSQL servers in Kubernetes.
//!
//! ```text
//! API ─▶ watch ─▶ recognise ─▶ credentials ─▶ handshake ─▶ target (as any other)
//!         pods     pure          Secrets by     is it
//!                                name, files    PostgreSQL?
//! ```
//! # Promise
//! - A server keeps its name over restarts, moves and new addresses: `namespace/pod`, or `namespace/deployment` if the pods of a Deployment
//!   have changing names. Whether counters continue depends on the start time of the postmaster, not on the pod.
//! - A pod that is added, changed or deleted starts, moves or stops a target. A pod that only becomes ready, or changes its role, disturbs
//!   nothing.
//! - A pod where nothing listens yet is shown as down. If it later answers as something other than PostgreSQL, its target ends, and a
//!   warning names the remedy.
//! - Secrets are read by name, never listed. A new password is read when the server refuses the old one, and every few minutes. A Secret's
//!   value leaves this room only as the login of a session.
//! - The role is the result of `pg_is_in_recovery()`. A label that disagrees is reported.
//! - Discovery needs only the right to read pods, and the right to read Secrets if logins come from them. An error names the missing right
//!   in a Role's words, with the Helm values that grant it (`rights`).
//! - While the API does not answer, the known servers are still read.
//! - A server's log is the log of its container, if logs are enabled. It is read through the API, with a right of its own and without a
//!   hostPath (`log`).
//!
//! # Rooms
//! From top to bottom: `discovery` and `examine` (for `doctor`), `log`, `credentials`, `pod`, `recognise`, `handshake`, `access`, `rights`.
//! Used by `operate`.

mod access;
mod credentials;
mod discovery;
mod examine;
mod handshake;
mod log;
mod pod;
pub(crate) mod recognise;
mod rights;

pub(crate) use access::client;
pub(crate) use discovery::{Discovery, run};
pub(crate) use examine::examine;
