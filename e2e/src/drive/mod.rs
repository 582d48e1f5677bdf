//! Our own programs as users run them: the backend, the collector, and what tests combine of them (replicas, a cluster, a watched server).
//!
//! Uses `machine`, `wait`, `api`, `servers` and `harm` (networks). Used by the tests, the demo and `bench`.

pub mod backend;
pub mod cluster;
mod collector;
pub mod replicas;
pub mod watched;

pub use backend::{ADMIN, Backend, PASSWORD, Settings};
pub use cluster::Cluster;
pub use collector::Collector;
pub use watched::Watched;
