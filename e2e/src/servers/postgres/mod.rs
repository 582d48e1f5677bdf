//! Real PostgreSQL servers of every supported major version, from npm's packages.
//!
//! Uses `machine` and `wait`. Used by `drive`, `workload`, `bench` and the tests.

mod data_folder;
mod installation;
mod options;
mod server;
mod session;

pub use installation::MAJORS;
pub use options::Options;
pub use server::{Ending, Postgres};
pub use session::execute;
