//! Finds the servers that nobody named.

pub mod kubernetes;
pub(crate) mod metrics;
