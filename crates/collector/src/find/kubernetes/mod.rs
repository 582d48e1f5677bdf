//! PostgreSQL in Kubernetes, found without being named.
//!
//! ```text
//! API ─▶ watch ─▶ recognise ─▶ credentials ─▶ handshake ─▶ target (as any other)
//!         pods     pure          Secrets by     is it
//!                                name, files    PostgreSQL?
//! ```
//! # Promise
//! - A server keeps its name over restarts, moves and new addresses: `namespace/pod`, or `namespace/deployment` where pods have no name of
//!   their own. What its counters are worth, the server says (its postmaster's start), not the pod.
//! - A pod that is added, changed or deleted is a target that is started, moved or stopped; a pod that only becomes ready, or changes
//!   its role, disturbs nothing.
//! - What nobody listens at yet is shown as down; what then speaks something else is a target no more, and is told with its remedy.
//! - Secrets are read by name, never listed; a new password is taken when the server refuses the old one, and every few minutes. No value
//!   leaves this room but as the login of a session.
//! - The role is what `pg_is_in_recovery()` says; that a label disagrees is told.
//! - No right is needed but to read pods (and Secrets, where logins come from them). What is missing is named in a Role's words, with
//!   the Helm values that give it (`rights`).
//! - While the API does not answer, what was found is read on.
//! - A server's log is its container's, where that is asked for: by the API, a right of its own, and no hostPath (`log`).
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
