//! One test binary: it links once, and its tests share the machine's few cores in one queue.
#![expect(clippy::unwrap_used, reason = "a test may panic where something is missing")]

mod harness;
mod views;
