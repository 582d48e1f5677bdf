//! The backend: its settings, and starting and stopping it.
//!
//! For: turning flags into options of lake and server, and running both. Uses: `access`, `settings`, `output`. Used by: `command`, `cli`.

mod admin;
mod args;
mod lake;
mod redis;
mod run;
mod server;
mod tls;

use anyhow::Context as _;

pub(crate) use args::BackendArgs;
pub(crate) use run::Backend;

/// A runtime with a thread for each core.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")
}
