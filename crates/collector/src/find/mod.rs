//! Finds PostgreSQL servers that the configuration does not name, and starts a target for each.
//!
//! May use `read`, `delta`, `config` and `connect`.
//! Used by `operate`.

pub(crate) mod kubernetes;
pub(crate) mod metrics;
