//! How to reach a server: connection strings, secrets, TLS that trusts exactly the given authorities, and a login that sends the password
//! only as it may be sent.
//!
//! Uses no other room.
//! Used by every room but `delta`.

pub(crate) mod conninfo;
mod failure;
mod gate;
mod private_socket;
mod reach;
mod relay;
pub(crate) mod secret;
pub(crate) mod tls;

pub(crate) use failure::Failure;
pub(crate) use relay::connect;
