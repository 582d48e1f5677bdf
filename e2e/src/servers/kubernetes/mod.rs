//! A real Kubernetes API without nodes, and the objects that tests make there; and a stand-in that has a pod's log.
//!
//! Uses `machine`, `wait` and `api`. Used by the tests of discovery and of logs.

mod objects;
mod one_pod;
mod server;

pub use objects::Pod;
pub use one_pod::OnePod;
pub use server::Kubernetes;
