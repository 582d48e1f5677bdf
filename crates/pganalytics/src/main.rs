//! `pganalytics`: the main binary. Each subcommand is a file in `command/`.

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

/// Memory that one thread frees must be available to other threads, and unused memory must return to the system: batches are read on one
/// thread and written to files on another. Under the load of a fleet the allocators of glibc and mimalloc kept more than twice as much
/// memory as this one.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // One TLS implementation for the whole process. This fails only if called twice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match cli::run(cli) {
        Ok(code) => code,
        Err(error) => output::failure(&error),
    }
}
