//! The extent of rows: their least and greatest times and server names, for pruning and for the catalog.

use arrow::array::RecordBatch;
use arrow::array::cast::AsArray as _;
use arrow::array::types::TimestampMicrosecondType;

use super::shape::{SERVER_AT, TS_AT};

/// The least and greatest `ts` and `server` of some rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
    pub(crate) min_server: String,
    pub(crate) max_server: String,
}

impl Extent {
    /// The extent of rows in a stored shape; `None` without rows.
    pub(crate) fn of(rows: &RecordBatch) -> Option<Self> {
        let ts = rows.column(TS_AT).as_primitive_opt::<TimestampMicrosecondType>()?.values().iter().copied();
        let servers = rows.column(SERVER_AT).as_string_view_opt()?.iter().flatten();
        Some(Self {
            min_ts: ts.clone().min()?,
            max_ts: ts.max()?,
            min_server: servers.clone().min()?.to_owned(),
            max_server: servers.max()?.to_owned(),
        })
    }

    /// The smallest extent that covers both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            min_ts: self.min_ts.min(other.min_ts),
            max_ts: self.max_ts.max(other.max_ts),
            min_server: self.min_server.min(other.min_server),
            max_server: self.max_server.max(other.max_server),
        }
    }
}
