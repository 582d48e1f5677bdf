//! Reads one server.

mod breaker;
mod cost;
pub(crate) mod log;
pub(crate) mod probe;
pub mod redact;
pub mod schedule;
pub mod session;
pub(crate) mod target;
