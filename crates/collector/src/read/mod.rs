//! Reads one server: its views, its sessions, its log.
//!
//! From top to bottom: `target` (the task that reads one server), `probe` and `log` (the sources of rows), `redact`, `session`. `schedule`,
//! `breaker` and `cost` hold the state of a target.
//!
//! May use `delta`, `ship` (to gather rows), `config` and `connect`.
//! Used by `find` and `operate`.

mod breaker;
mod cost;
mod log;
pub(crate) mod metrics;
pub(crate) mod probe;
pub(crate) mod redact;
pub(crate) mod schedule;
pub(crate) mod session;
pub(crate) mod target;
