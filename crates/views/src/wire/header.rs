//! The header of a batch: JSON that can be read without decoding the rows.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most bytes of an error message in a header: one line in a table.
pub const MAX_ERROR: usize = 500;

/// The batch's origin and contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The collector's identity. It is made together with the spool, so that a sequence never starts again under the same identity.
    pub collector: Uuid,
    /// The collector's name, for people.
    pub collector_name: String,
    /// 1, 2, 3, … within the collector. Batches are shipped in this order.
    pub sequence: u64,
    /// When the batch was closed: microseconds since the epoch, by the collector's clock.
    pub created_us: i64,
    /// The collector's version.
    pub version: String,
    /// Rows that the collector had to drop since the batch before, because its spool was full or a snapshot was over a limit.
    #[serde(default)]
    pub dropped_rows: u64,
    /// The collector's state when it closed the batch. Older collectors leave it out; older backends ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The frames of the body, in order.
    pub frames: Vec<Frame>,
}

/// The state of a collector. Every field has a default, so that collectors and backends of different versions understand each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// When the collector started: microseconds since the epoch, by its clock.
    pub started_us: i64,
    /// Batches that waited in the spool, without this one.
    pub spool_batches: u64,
    /// The bytes of those batches.
    pub spool_bytes: u64,
    /// How long the oldest of them had waited, in milliseconds. `None` if no batch waited.
    pub oldest_ms: Option<u64>,
    /// The servers that the collector is configured to read.
    pub targets: u64,
    /// The servers among them that answered last time.
    pub targets_up: u64,
    /// The latest shipping error, at most [`MAX_ERROR`] bytes. It stays after shipping works again.
    pub last_error: Option<String>,
    /// When that error happened: microseconds since the epoch.
    pub last_error_us: Option<i64>,
}

/// The rows of one view in the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The view's name.
    pub view: String,
    /// Rows in the stream.
    pub rows: u64,
    /// Bytes of the stream, before compression.
    pub bytes: u64,
    /// The earliest `ts`: microseconds since the epoch.
    pub min_ts_us: i64,
    /// The latest `ts`: microseconds since the epoch.
    pub max_ts_us: i64,
}

/// Makes an error message fit for a header: one line of at most [`MAX_ERROR`] bytes.
#[must_use]
pub fn error_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line[..line.floor_char_boundary(MAX_ERROR)].trim().to_owned()
}
