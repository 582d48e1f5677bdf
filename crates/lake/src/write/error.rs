//! Why a batch was refused.

use pganalytics_views::wire::WireError;
use uuid::Uuid;

use crate::decode::RowsError;

/// Why a batch was refused. Nothing of it was stored, except that after [`IngestError::Store`] a commit whose answer was lost may have
/// succeeded.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bytes are not a batch, or exceed a limit. They are never accepted.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The rows do not fit the tables.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// The credential belongs to another collector than the batch.
    #[error("the batch is from collector {shipped}, but its credential belongs to collector {own}")]
    Foreign { shipped: Uuid, own: Uuid },
    /// The batch has another collector name than the credential.
    #[error("the batch is from a collector with the name '{shipped}', but the collector was enrolled as '{own}'")]
    Renamed { shipped: String, own: String },
    /// An administrator has revoked the collector.
    #[error("collector {0} was revoked")]
    Revoked(Uuid),
    /// The batch came with a shared token, but its collector has its own credential.
    #[error("collector {0} has its own credential, but the batch was sent with a shared token")]
    Enrolled(Uuid),
    /// The batch came with a shared token, but its collector ships with another one.
    #[error("collector {collector} ships with the token '{token}', and the batch came with another one")]
    Bound { collector: Uuid, token: String },
    /// The batch's number is too far above the collector's mark.
    #[error("batch {sequence} of collector {collector} is too far above its newest committed batch {mark}")]
    Leap { collector: Uuid, sequence: u64, mark: u64 },
    /// The store cannot accept the batch now. The sender must try again later.
    #[error("cannot store the batch: {0:#}")]
    Store(anyhow::Error),
}
