//! One test binary: it links once, and its tests share the machine's few cores in one queue.

mod ancient;
#[path = "../../crates/tls/tests/tls/authority.rs"]
mod authority;
mod balancers;
mod clocks;
mod cluster;
mod counting;
mod crashes;
mod cuts;
mod disks;
mod encrypted;
mod enrolment;
mod failover;
mod faults;
mod fleet;
mod harness;
mod memory;
mod names;
mod open_files;
mod replicas;
mod rotation;
mod shared;
mod slow;
mod standby;
mod stores;
mod takeover;
mod troubles;
mod upgrade;
mod verify;
mod views;
mod watched;
