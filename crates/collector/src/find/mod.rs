//! Finds the servers that nobody named.

pub mod kubernetes;
