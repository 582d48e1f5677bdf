//! How to reach a server: connection strings, secrets, and TLS that trusts exactly the given authorities.
//!
//! Uses no other room.
//! Used by every room but `delta`.

pub(crate) mod conninfo;
pub(crate) mod secret;
pub(crate) mod tls;
