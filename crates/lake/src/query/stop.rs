//! The order to stop that a query's own functions look at.
//!
//! A query is stopped by dropping it, which takes effect when its computation yields. A function over long texts does not yield, so the
//! functions of `functions` look here between parts of their work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::error::{DataFusionError, Result};

/// Whether a query was told to stop. Clones share the order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Tells the query to stop.
    pub(crate) fn order(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// If the query was told to stop. Nobody reads the error, because nobody waits for the query any more.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(DataFusionError::Execution("the query was stopped".into()));
        }
        Ok(())
    }
}
