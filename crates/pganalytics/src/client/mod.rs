//! The API as the command line uses it.
//!
//! For: sending requests to a running backend, or to the data folder if none runs. Uses: `access`. Used by: `command`.

mod address;
mod args;
mod connection;
mod health;

pub(crate) use address::is_alive;
pub(crate) use args::ClientArgs;
pub(crate) use connection::{Client, Refused};
pub(crate) use health::{Health, health};
