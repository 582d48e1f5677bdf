//! The spool as it is shared.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::sync::Notify;

use super::spool::Spool;

/// The spool, shared with whoever appends, and the bell that says there is something in it.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub spool: Arc<Mutex<Spool>>,
    pub bell: Arc<Notify>,
}

impl Queue {
    /// Runs something on the spool, off the async threads: it waits for the disk.
    ///
    /// # Errors
    /// Where the process is ending.
    pub(crate) async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Spool) -> T + Send + 'static) -> anyhow::Result<T> {
        let spool = Arc::clone(&self.spool);
        tokio::task::spawn_blocking(move || work(&mut spool.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .context("work on the spool")
    }
}
