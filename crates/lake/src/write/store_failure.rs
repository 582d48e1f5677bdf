//! The failure to commit a group of batches, reported to the sender of each batch.

use super::error::IngestError;
use crate::meta::{Remedy, remedy};

/// Why a group of batches could not be committed.
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
