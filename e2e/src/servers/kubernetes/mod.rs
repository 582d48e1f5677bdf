//! A real Kubernetes API without nodes, and the objects that tests make there.
//!
//! Uses `machine`, `wait` and `api`. Used by the tests of discovery.

mod objects;
mod server;

pub use objects::Pod;
pub use server::Kubernetes;
