//! All end-to-end tests in one binary: cargo links once, and the tests share the cores in one queue.

#[path = "../../crates/tls/tests/tls/authority.rs"]
mod authority;
mod collect;
mod dialect;
mod example;
mod harm;
mod harness;
mod history;
mod replicas;
