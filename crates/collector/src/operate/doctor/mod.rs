//! Tells what keeps the collector from reading or shipping, each with the line that helps.
//!
//! Everything is tried as the collector would do it: each target is connected to, each view is read once, the backend is asked
//! with the token, the spool is opened. Nothing is changed anywhere.
//!
//! May use every room below `operate`.
//! Used by the `doctor` commands of the collector and of the backend.

mod all;
mod remedy;
mod report;
mod server;
mod settings;

pub use all::doctor;
pub use report::{Level, Report};
