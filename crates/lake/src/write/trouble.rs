//! What the store said of a whole group of batches, as each of their senders is told.

use super::error::IngestError;
use crate::meta::{Remedy, remedy};

/// Why a whole group of batches was not taken.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    problem: String,
    remedy: Option<Remedy>,
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self { remedy: remedy(&error), problem: format!("{:#}", anyhow::Error::new(error)) }
    }
}

impl From<Trouble> for IngestError {
    fn from(Trouble { problem, remedy }: Trouble) -> Self {
        let error = anyhow::anyhow!(problem);
        Self::Store(match remedy {
            Some(remedy) => error.context(remedy),
            None => error,
        })
    }
}
