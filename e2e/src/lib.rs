//! What the end-to-end tests and the demo stand on: real PostgreSQL servers of every supported version, the built binaries as
//! child processes, and a workload that looks like a living shop. Everything started here ends with the process that started
//! it, also when that one panics or is killed.

pub mod azure;
pub mod backend;
pub mod balancer;
pub mod certificate;
pub mod clock;
pub mod cluster;
pub mod collector;
pub mod disk;
pub mod fleet;
pub mod front;
pub mod hand;
mod haproxy;
pub mod install;
pub mod kubernetes;
pub mod meter;
pub mod network;
mod nginx;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod replicas;
pub mod s3;
pub mod spooled;
pub mod tally;
pub mod wait;
pub mod workload;
