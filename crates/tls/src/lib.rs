//! TLS for both halves: certificates from PEM files, taken anew when the files change, and the listener that serves HTTP with them.
//!
//! # Promise
//! - TLS 1.3, and 1.2 only where it is allowed; rustls with ring, and nothing of the system's.
//! - A changed file is taken without a restart: new connections get what it says, those that stand go on; but where authorities or revocations of
//!   clients change, those of clients with a certificate end after what is under way, and are judged anew. A file that does not do
//!   (unreadable, no PEM, a key of another certificate, expired) changes nothing: it is logged once and counted.
//! - Who connects and then says nothing, or too slowly, is let go; and there are never more unfinished handshakes than a cap, the oldest of
//!   which makes room for a new one.
//! - An end in order: what is under way is answered.
//!
//! ```text
//! PEM files ─▶ files (checked, as a rustls configuration) ─▶ server (the one in use, when to read again) ─▶ handshake ─▶ listener ─▶ axum
//! ```
//! It knows none of our crates, since the collector, which has neither store nor engine, serves with it too.

mod explain;
mod files;
mod handshake;
mod listener;
mod server;

pub use explain::explain;
pub use files::{ClientAuth, Identity, MinVersion, ServerFiles, authorities, read};
pub use handshake::{ClientCertificate, Peer};
pub use listener::{Limits, serve};
pub use server::{Figures, Reloaded, Tls};
