//! Waits for a condition: asks again until the condition holds or a deadline passes. No wait is a pause of a guessed length.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The longest wait for one condition. A slow, busy machine needs much less; past it the condition counts as false.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// The pause between two questions, which only spares the machine.
const NAP: Duration = Duration::from_millis(50);

/// Asks `condition` until it returns a value. An error counts as "not yet".
///
/// `backon` cannot do this: its closures may not lend what they borrow to the future, which every condition here does.
///
/// # Errors
/// If the deadline passes; the error has `what` and the last error.
pub async fn until<T>(what: &str, deadline: Duration, mut condition: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        let last = match tokio::time::timeout(deadline, condition()).await {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => "the condition did not hold".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "the condition gave no answer".to_owned(),
        };
        if start.elapsed() >= deadline {
            bail!("waited {} s for {what}; at last: {last}", deadline.as_secs());
        }
        tokio::time::sleep(NAP).await;
    }
}
