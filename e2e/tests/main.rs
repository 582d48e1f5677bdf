//! One test binary: it links once, and its tests share the machine's few cores in one queue.

mod ancient;
#[path = "../../crates/tls/tests/tls/authority.rs"]
mod authority;
mod balancers;
mod cluster;
mod counting;
mod crashes;
mod dependencies;
mod encrypted;
mod fleet;
mod harness;
mod memory;
mod names;
mod open_files;
mod replicas;
mod shared;
mod standby;
mod stores;
mod troubles;
mod verify;
mod views;
mod watched;
