//! Reads one server.

mod breaker;
mod cost;
mod log;
pub(crate) mod metrics;
pub(crate) mod probe;
pub mod redact;
pub mod schedule;
pub mod session;
pub(crate) mod target;
