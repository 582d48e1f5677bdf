//! One test binary: it links once, and its tests share the machine's few cores in one queue.

#[path = "../../crates/tls/tests/tls/authority.rs"]
mod authority;
mod collect;
mod dependencies;
mod harm;
mod harness;
mod history;
mod replicas;
