//! One test binary: it links once, and its tests share the machine's few cores in one queue.

mod ancient;
mod balancers;
mod cluster;
mod counting;
mod crashes;
mod dependencies;
mod harness;
mod names;
mod open_files;
mod replicas;
mod standby;
mod stores;
mod troubles;
mod views;
mod watched;
