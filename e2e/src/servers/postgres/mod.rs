//! Real PostgreSQL servers of every supported major version.
//!
//! Uses `machine` and `wait`. Used by `drive`, `workload` and the tests.

pub mod installation;
mod server;

pub use server::{Ending, Options, Postgres, STATEMENT, execute};
