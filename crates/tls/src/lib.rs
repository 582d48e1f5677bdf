//! TLS for collector and backend: certificates from PEM files, and the HTTP listener that uses them.
//!
//! # Promise
//! - TLS 1.3, and 1.2 only if allowed. rustls with ring; no TLS library of the system.
//! - Changed files are used without a restart. New connections use the new files; existing connections continue. If the authorities or
//!   revocations of clients change, connections of clients with a certificate end after their running requests. Invalid files (unreadable, not
//!   PEM, key of another certificate, expired) change nothing. They are logged once and counted.
//! - A client that sends nothing, or sends too slowly, is disconnected. The number of unfinished handshakes is limited; a new one ends the
//!   oldest.
//! - A stop answers the running requests.
//!
//! ```text
//! PEM files ─▶ files (checked, as a rustls configuration) ─▶ server (the one in use, reloading) ─▶ handshake ─▶ listener ─▶ axum
//! ```
//! This crate uses no other crate of the workspace, because the collector uses it, too.

mod explain;
mod files;
mod handshake;
mod listener;
mod peer;
mod server;

pub use explain::explain;
pub use files::{ClientAuth, Identity, MinVersion, ServerFiles, authorities, read};
pub use listener::{Limits, serve};
pub use peer::{ClientCertificate, Peer};
pub use server::{Figures, Reloaded, Tls};
