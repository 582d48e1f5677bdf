//! Certificates, keys and revocation lists from PEM files.
//!
//! For: reading the files, checking them, and making the rustls configuration. Uses: no other room. Used by: `server`, and by other crates
//! for their own certificates.

mod config;
mod crypto;
mod identity;
mod pem;
mod revocations;
mod settings;
mod validity;

pub(crate) use config::{Clients, Configured, Contents};
pub use identity::Identity;
pub use pem::{authorities, read};
pub use settings::{ClientAuth, MinVersion, ServerFiles};
pub(crate) use validity::now;
