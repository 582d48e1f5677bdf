//! Errors of encoding and decoding.

use arrow_schema::ArrowError;

/// Why a batch cannot be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the batch is cut off: {have} bytes, {need} needed")]
    Truncated { have: usize, need: usize },
    #[error("not a batch: the bytes begin with {0:02x?}")]
    NotABatch([u8; 4]),
    #[error("unknown batch format {0}: this version reads format 1; upgrade the backend before its collectors")]
    UnknownFormat(u8),
    #[error("the batch was damaged in transit: its reserved bytes are not zero")]
    Reserved,
    #[error("the batch was damaged in transit: its checksum is {found:08x}, the checksum of its content {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("the batch's {what} has {size} bytes or items; the limit is {limit}")]
    TooLarge { what: &'static str, size: usize, limit: usize },
    #[error("the batch's header cannot be read: {0}")]
    Header(#[from] serde_json::Error),
    #[error("the batch's body cannot be decompressed: {0}")]
    Compression(#[from] std::io::Error),
    #[error("the rows of view '{view}' cannot be read: {error}")]
    Rows { view: String, error: ArrowError },
    #[error("the rows of view '{view}' differ from the batch's header: {problem}")]
    Mismatch { view: String, problem: String },
}
