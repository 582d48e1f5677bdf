//! The batch: what a collector ships in one request, the unit of acknowledgement and of deduplication.
//!
//! # Promise
//! `decode(encode(batch))` is the batch. `decode` of any other bytes is an error, never a panic, and never takes more memory
//! than the [`Limits`] allow.
//!
//! # Format (all integers little-endian)
//! ```text
//! offset  size  field
//!      0     4  magic "PGAB"
//!      4     1  format version, 1
//!      5     3  zero
//!      8     4  length of the header in bytes
//!     12     4  CRC-32 (IEEE) of everything from offset 16 on
//!     16     h  header: JSON of [`Header`]
//!   16+h     …  one zstd frame: the Arrow IPC streams of the header's frames, one after the other
//! ```
//! A frame holds the rows of one view: one IPC stream with the schema of [`crate::schema`], of any number of servers and
//! snapshots. The header stands outside the compression, so that a replay is recognised without decoding.

use std::io::Read;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod ipc;

/// The media type of a batch over HTTP.
pub const CONTENT_TYPE: &str = "application/vnd.pganalytics.batch";

const MAGIC: &[u8; 4] = b"PGAB";
const FORMAT: u8 = 1;
const PREFIX: usize = 16;
/// Level 3 is where zstd still outruns the network and the disk; higher levels cost the collector CPU for a few percent.
const ZSTD_LEVEL: i32 = 3;
/// What a zstd frame may ask the reader to keep, as a power of two: 8 MiB, four times what the level above uses.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Bytes of an error in a header: a line in a table, not a page.
pub const MAX_ERROR: usize = 500;
/// Views in one batch: far more than there are.
const MAX_FRAMES: usize = 1_000;

/// What one batch may weigh. Both sides keep to it: the collector cuts its batches, the backend refuses larger ones.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes as shipped.
    pub encoded: usize,
    /// Bytes of all IPC streams after decompression.
    pub decoded: usize,
    /// Bytes of the header.
    pub header: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { encoded: 16 << 20, decoded: 128 << 20, header: 1 << 20 }
    }
}

/// Who ships what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The collector's identity: made with its spool, so that a sequence never starts again under the same identity.
    pub collector: Uuid,
    /// What people call it.
    pub collector_name: String,
    /// 1, 2, 3, … within the collector; batches are shipped in this order.
    pub sequence: u64,
    /// When the batch was closed, microseconds since the epoch, by the collector's clock.
    pub created_us: i64,
    /// The collector's version.
    pub version: String,
    /// Rows the collector had to drop since the batch before (its spool was full, or a snapshot was over a limit).
    #[serde(default)]
    pub dropped_rows: u64,
    /// How the collector was when it closed the batch; collectors before this was told leave it out, and backends before skip it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What the body holds, in order.
    pub frames: Vec<Frame>,
}

/// How a collector is. Each field has a default, so that versions may differ in what they tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// When it started, microseconds, by its clock.
    pub started_us: i64,
    /// Batches that waited in the spool, this one not counted.
    pub spool_batches: u64,
    /// Their bytes.
    pub spool_bytes: u64,
    /// How long the oldest of them had waited, milliseconds; none where nothing waited.
    pub oldest_ms: Option<u64>,
    /// Servers it is to read.
    pub targets: u64,
    /// Those that answered last time.
    pub targets_up: u64,
    /// The latest error of shipping, at most [`MAX_ERROR`] bytes; it stays after the trouble has passed.
    pub last_error: Option<String>,
    /// When that was, microseconds.
    pub last_error_us: Option<i64>,
}

/// An error's text as a header carries it: one line, capped.
#[must_use]
pub fn error_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line[..line.floor_char_boundary(MAX_ERROR)].trim().to_owned()
}

/// One view's rows in the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The view's name.
    pub view: String,
    /// Rows in the stream.
    pub rows: u64,
    /// Bytes of the stream, before compression.
    pub bytes: u64,
    /// The earliest `ts`, microseconds.
    pub min_ts_us: i64,
    /// The latest `ts`, microseconds.
    pub max_ts_us: i64,
}

/// A batch, decoded.
#[derive(Debug, Clone)]
pub struct Batch {
    pub header: Header,
    /// Rows by view, in the header's order.
    pub frames: Vec<(String, RecordBatch)>,
}

/// Why bytes are no batch.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the batch is cut off: {have} bytes, {need} needed")]
    Truncated { have: usize, need: usize },
    #[error("these bytes are no batch: they begin with {0:02x?}")]
    NotABatch([u8; 4]),
    #[error("batch format {0} is unknown; this version reads format 1: upgrade the backend before its collectors")]
    UnknownFormat(u8),
    #[error("the batch's reserved bytes are not zero: it was damaged on its way")]
    Reserved,
    #[error("the batch's checksum is {found:08x}, its content's {computed:08x}: it was damaged on its way")]
    Checksum { found: u32, computed: u32 },
    #[error("the batch's {what} has {size} bytes or items, at most {limit} are taken")]
    TooLarge { what: &'static str, size: usize, limit: usize },
    #[error("the batch's header is not readable: {0}")]
    Header(#[from] serde_json::Error),
    #[error("the batch's body does not decompress: {0}")]
    Compression(#[from] std::io::Error),
    #[error("the rows of view '{view}' are not readable: {error}")]
    Rows { view: String, error: ArrowError },
    #[error("the rows of view '{view}' are not what the header says: {problem}")]
    Mismatch { view: String, problem: String },
}

/// Encodes rows as a batch. The header's `frames` is filled in here; `ts` must be the first column, as [`crate::schema`] has it.
///
/// # Errors
/// [`WireError::TooLarge`] over the limits; [`WireError::Rows`] where Arrow refuses the rows.
pub fn encode(mut header: Header, frames: &[(String, RecordBatch)], limits: &Limits) -> Result<Vec<u8>, WireError> {
    within("number of frames", frames.len(), MAX_FRAMES)?;
    let mut body = Vec::new();
    header.frames.clear();
    for (view, rows) in frames {
        let start = body.len();
        ipc::write(&mut body, rows).map_err(|error| WireError::Rows { view: view.clone(), error })?;
        within("content", body.len(), limits.decoded)?;
        let (min_ts_us, max_ts_us) = ts_range(view, rows)?;
        let bytes = (body.len() - start) as u64;
        header.frames.push(Frame { view: view.clone(), rows: rows.num_rows() as u64, bytes, min_ts_us, max_ts_us });
    }
    let head = serde_json::to_vec(&header)?;
    within("header", head.len(), limits.header)?;
    let compressed = zstd::bulk::compress(&body, ZSTD_LEVEL)?;
    let total = PREFIX + head.len() + compressed.len();
    within("encoded form", total, limits.encoded)?;

    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[FORMAT, 0, 0, 0]);
    out.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&head);
    out.extend_from_slice(&compressed);
    let sum = crc32fast::hash(&out[PREFIX..]);
    out[12..PREFIX].copy_from_slice(&sum.to_le_bytes());
    Ok(out)
}

/// Reads and checks the prefix, the checksum and the header; the body stays compressed.
///
/// # Errors
/// See [`WireError`].
pub fn decode_header(bytes: &[u8], limits: &Limits) -> Result<Header, WireError> {
    split(bytes, limits).map(|(header, _)| header)
}

/// Decodes a whole batch.
///
/// # Errors
/// See [`WireError`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Batch, WireError> {
    let (header, compressed) = split(bytes, limits)?;
    let stated = header.frames.iter().fold(0u64, |sum, frame| sum.saturating_add(frame.bytes));
    let stated = usize::try_from(stated).unwrap_or(usize::MAX);
    within("content", stated, limits.decoded)?;
    let mut body = Vec::with_capacity(stated);
    // One byte more than stated is read, so that a longer body is seen without being held.
    let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    decoder.take(stated as u64 + 1).read_to_end(&mut body)?;
    if body.len() != stated {
        return Err(WireError::Truncated { have: body.len(), need: stated });
    }
    let mut frames = Vec::with_capacity(header.frames.len());
    let mut rest = body.as_slice();
    for frame in &header.frames {
        let (stream, tail) = rest.split_at(usize::try_from(frame.bytes).unwrap_or(usize::MAX).min(rest.len()));
        rest = tail;
        let rows = ipc::read(stream).map_err(|error| WireError::Rows { view: frame.view.clone(), error })?;
        if rows.num_rows() as u64 != frame.rows {
            let problem = format!("{} rows, {} stated", rows.num_rows(), frame.rows);
            return Err(WireError::Mismatch { view: frame.view.clone(), problem });
        }
        if ts_range(&frame.view, &rows)? != (frame.min_ts_us, frame.max_ts_us) {
            return Err(WireError::Mismatch { view: frame.view.clone(), problem: "other times than stated".into() });
        }
        frames.push((frame.view.clone(), rows));
    }
    Ok(Batch { header, frames })
}

fn split<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Header, &'a [u8]), WireError> {
    within("encoded form", bytes.len(), limits.encoded)?;
    let need = |need: usize| if bytes.len() < need { Err(WireError::Truncated { have: bytes.len(), need }) } else { Ok(()) };
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    need(PREFIX)?;
    if &bytes[..4] != MAGIC {
        return Err(WireError::NotABatch([bytes[0], bytes[1], bytes[2], bytes[3]]));
    }
    if bytes[4] != FORMAT {
        return Err(WireError::UnknownFormat(bytes[4]));
    }
    if bytes[5..8] != [0; 3] {
        return Err(WireError::Reserved);
    }
    let length = word(8) as usize;
    within("header", length, limits.header)?;
    need(PREFIX + length)?;
    let (found, computed) = (word(12), crc32fast::hash(&bytes[PREFIX..]));
    if found != computed {
        return Err(WireError::Checksum { found, computed });
    }
    let mut header: Header = serde_json::from_slice(&bytes[PREFIX..PREFIX + length])?;
    // The other side promised as much; what it sent is shown to people all the same.
    if let Some(error) = header.status.as_mut().and_then(|status| status.last_error.as_mut()) {
        *error = error_line(error);
    }
    within("number of frames", header.frames.len(), MAX_FRAMES)?;
    Ok((header, &bytes[PREFIX + length..]))
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), WireError> {
    if size > limit { Err(WireError::TooLarge { what, size, limit }) } else { Ok(()) }
}

fn ts_range(view: &str, rows: &RecordBatch) -> Result<(i64, i64), WireError> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::TimestampMicrosecondType;
    let mismatch = |problem: &str| WireError::Mismatch { view: view.into(), problem: problem.into() };
    let ts = rows
        .columns()
        .first()
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| mismatch("the first column is not ts"))?;
    let values = ts.values().iter().copied();
    match (values.clone().min(), values.max()) {
        (Some(min), Some(max)) => Ok((min, max)),
        _ => Err(mismatch("no rows")),
    }
}
