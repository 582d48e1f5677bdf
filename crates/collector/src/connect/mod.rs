//! How a server is reached.

pub mod conninfo;
pub mod secret;
pub(crate) mod tls;
