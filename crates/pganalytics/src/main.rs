//! `pganalytics`: the one binary users meet. Each subcommand is a file of `command/`; this one only starts them.

mod access;
mod backend;
mod cli;
mod client;
mod command;
mod logging;
mod output;
mod settings;
mod signals;
mod table;

use std::process::ExitCode;

/// What one thread has freed must serve the others, and what nobody needs must go back to the system: batches are read on one thread, written to
/// files on another, and gone. Under the load of a fleet glibc's allocator and mimalloc kept more than twice what this one does.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
