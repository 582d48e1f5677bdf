//! Waiting on a condition: asked again and again until it holds or its deadline has passed. Nothing here is a pause of a
//! guessed length; the short nap between two questions only spares the machine.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What any single condition of a test may take on a slow, busy machine before it counts as never.
pub const PATIENCE: Duration = Duration::from_secs(90);
const NAP: Duration = Duration::from_millis(50);

/// Asks `condition` until it yields a value. An error counts as "not yet" and is named when the deadline passes.
///
/// # Errors
/// When the deadline has passed: what was waited for, and the last error.
pub async fn until<T>(what: &str, deadline: Duration, mut condition: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        let last = match tokio::time::timeout(deadline, condition()).await {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => "it did not hold".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "it gave no answer".to_owned(),
        };
        if start.elapsed() >= deadline {
            bail!("waited {} s for {what}; at last: {last}", deadline.as_secs());
        }
        tokio::time::sleep(NAP).await;
    }
}
