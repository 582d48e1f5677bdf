//! Why a batch was not taken.

use pganalytics_views::wire::WireError;
use uuid::Uuid;

use crate::decode::RowsError;

/// Why a batch was not taken. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bytes are no batch, or over a limit: they will never be taken.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The rows do not fit the tables.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// Its sender ships for another collector than it may.
    #[error("the batch is of collector {shipped}, and the credential it came with is bound to {own}")]
    Foreign { shipped: Uuid, own: Uuid },
    /// Its sender is bound to another name.
    #[error("the batch names its collector '{shipped}', which was enrolled as '{own}'")]
    Renamed { shipped: String, own: String },
    /// An administrator has shut its collector out.
    #[error("collector {0} was revoked")]
    Revoked(Uuid),
    /// A shared token came with a batch of a collector that has a credential of its own.
    #[error("collector {0} has a credential of its own, and the batch came with a shared token")]
    Enrolled(Uuid),
    /// The batch's number is too far above the collector's mark.
    #[error("batch {sequence} of collector {collector} is too far above {mark}, the newest batch that is committed")]
    Leap { collector: Uuid, sequence: u64, mark: u64 },
    /// The store could not take it now: try again later.
    #[error("store the batch: {0:#}")]
    Store(anyhow::Error),
}
