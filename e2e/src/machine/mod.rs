//! What this machine gives to every other room: child processes, free ports, certificates, and what a process has used.
//!
//! Uses no other room. Every room uses it.

pub mod certificate;
pub mod meter;
pub mod ports;
pub mod process;
