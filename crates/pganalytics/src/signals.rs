//! SIGINT and SIGTERM: the first signal shuts down, the second kills.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit status of a process that a signal ended.
const KILLED: i32 = 130;

/// Cancels the token at the first signal, and exits the process at the second.
pub(crate) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("watch for SIGTERM")?;
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        for again in [false, true] {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            if again {
                tracing::warn!(signal = name, "killed by a second signal");
                std::process::exit(KILLED);
            }
            tracing::info!(signal = name, "shutting down: finishing running requests; a second signal kills the process");
            first.cancel();
        }
    });
    Ok(stop)
}
