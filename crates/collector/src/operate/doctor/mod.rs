//! Reports what keeps the collector from reading or shipping, each problem with its remedy.
//!
//! Tries what the collector does: connects to each target, reads each view once, sends a request with the token to the backend, and opens
//! the spool. Changes nothing.
//!
//! May use every room below `operate`.
//! Used by the `doctor` commands of the collector and of the backend.

mod all;
mod name;
mod refusal;
mod remedy;
mod report;
mod server;
mod settings;
mod survey;

pub use all::doctor;
pub use report::{Level, Report};
