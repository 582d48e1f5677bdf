//! Runs the collector and reports on it: start and stop, `/metrics` and health over HTTP, `doctor`.
//!
//! May use every other room.
//! Used by the binary, and by the backend's all-in-one mode, through the crate's root.

mod doctor;
mod http;
mod metrics;
mod run;

pub use doctor::{Level, Report, doctor};
pub use run::run;
