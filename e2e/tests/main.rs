//! One test binary: it links once, and its tests share the machine's few cores in one queue.

mod dependencies;
mod harness;
mod views;
