//! What the end-to-end tests and the demo stand on: real PostgreSQL servers of every supported version, the built binaries as
//! child processes, and a workload that looks like a living shop. Everything started here ends with the process that started
//! it, also when that one panics or is killed.

pub mod drive;
pub mod fleet;
pub mod harm;
pub mod judge;
pub mod machine;
pub mod servers;
pub mod wait;
pub mod workload;
