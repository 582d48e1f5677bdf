//! What the machine provides: child processes, installed and built programs, files for another user, free ports, certificates, and the resources
//! that a process uses.
//!
//! Uses no other room. All other rooms use this room.

pub mod certificate;
pub mod files;
pub mod meter;
pub(crate) mod namespace;
pub mod ports;
pub mod process;
pub mod programs;
