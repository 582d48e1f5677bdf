//! `pganalytics`: the one binary users meet. Each subcommand is a file of `command/`; this one only starts them.

mod access;
mod backend;
mod cli;
mod client;
mod command;
mod config;
mod logging;
mod output;
mod settings;
mod signals;
mod table;

use std::process::ExitCode;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One TLS implementation for the whole process; a second call would be the only error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match command::run(cli) {
        Ok(code) => code,
        Err(error) => output::failure(&error),
    }
}
