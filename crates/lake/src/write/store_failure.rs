//! What the store said of a whole group of batches, as each of their senders is told.

use super::error::IngestError;
use crate::meta::{Remedy, remedy};

/// Why a whole group of batches was not taken.
#[derive(Debug, Clone)]
pub(crate) struct StoreFailure {
    problem: String,
    remedy: Option<Remedy>,
}

impl From<sqlx::Error> for StoreFailure {
    fn from(error: sqlx::Error) -> Self {
        Self { remedy: remedy(&error), problem: format!("{:#}", anyhow::Error::new(error)) }
    }
}

impl From<StoreFailure> for IngestError {
    fn from(StoreFailure { problem, remedy }: StoreFailure) -> Self {
        let error = anyhow::anyhow!(problem);
        Self::Store(match remedy {
            Some(remedy) => error.context(remedy),
            None => error,
        })
    }
}
