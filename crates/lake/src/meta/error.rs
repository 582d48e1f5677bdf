//! Why a change of the meta store was refused.

use super::remedy::explain;

/// Why a change of the meta store was refused.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// A name is taken.
    #[error("a {what} named '{name}' exists already; choose another name")]
    Exists { what: &'static str, name: String },
    /// The change would leave no enabled admin.
    #[error("'{0}' is the last enabled admin; make another user an admin first")]
    LastAdmin(String),
    /// The store itself failed.
    #[error("the meta store: {0:#}")]
    Store(anyhow::Error),
}

impl From<sqlx::Error> for MetaError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(explain(error))
    }
}
