//! The spool, shared between tasks.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::sync::Notify;

use super::spool::Spool;

/// The shared spool, and the bell that wakes the shipping task after an append.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub spool: Arc<Mutex<Spool>>,
    pub bell: Arc<Notify>,
}

impl Queue {
    /// Runs work on the spool on a blocking thread, because the work waits for the disk.
    ///
    /// # Errors
    /// If the process is shutting down.
    pub(crate) async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Spool) -> T + Send + 'static) -> anyhow::Result<T> {
        let spool = Arc::clone(&self.spool);
        tokio::task::spawn_blocking(move || work(&mut spool.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .context("the task that uses the spool panicked")
    }
}
