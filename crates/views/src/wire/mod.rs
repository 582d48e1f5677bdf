//! The wire format: the batch that a collector ships in one request.
//!
//! For: encoding and decoding batches, the unit of acknowledgement and of deduplication. Uses: Arrow IPC, zstd, JSON. Used by: collector
//! and lake.
//!
//! # Promise
//! `decode(encode(batch))` is the batch. For any other bytes `decode` returns an error. It never panics, and never takes more memory than
//! the [`Limits`] allow.
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
//! A frame holds the rows of one view: one IPC stream with the schema of [`crate::schema()`], of any number of servers and
//! snapshots. The header is not compressed, so that a replay is recognised without decoding.

mod error;
mod header;
mod ipc;

use std::io::Read;

use arrow_array::RecordBatch;

pub use error::WireError;
pub use header::{Frame, Header, MAX_ERROR, Status, error_line};

/// The media type of a batch over HTTP.
pub const CONTENT_TYPE: &str = "application/vnd.pganalytics.batch";

const MAGIC: &[u8; 4] = b"PGAB";
const FORMAT: u8 = 1;
const PREFIX: usize = 16;
/// At level 3 zstd is still faster than network and disk. Higher levels cost the collector CPU for a few percent.
const ZSTD_LEVEL: i32 = 3;
/// The window a zstd frame may ask the reader to keep, as a power of two: 8 MiB, four times the window of the level above.
const ZSTD_WINDOW_LOG: u32 = 23;
/// The most views in one batch: far more than there are.
const MAX_FRAMES: usize = 1_000;

/// Limits of one batch. The collector cuts its batches accordingly; the backend refuses larger ones.
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

/// A decoded batch.
#[derive(Debug, Clone)]
pub struct Batch {
    pub header: Header,
    /// Rows by view, in the header's order.
    pub frames: Vec<(String, RecordBatch)>,
}

/// Encodes rows as a batch, and sets the header's `frames`. `ts` must be the first column, as in [`crate::schema()`].
///
/// # Errors
/// [`WireError::TooLarge`] above a limit, [`WireError::Rows`] if Arrow cannot write the rows.
pub fn encode(mut header: Header, frames: &[(String, RecordBatch)], limits: &Limits) -> Result<Vec<u8>, WireError> {
    within("number of frames", frames.len(), MAX_FRAMES)?;
    let mut body = Vec::new();
    header.frames.clear();
    for (view, rows) in frames {
        let start = body.len();
        ipc::write(&mut body, rows).map_err(|error| WireError::Rows { view: view.clone(), error })?;
        within("content", body.len(), limits.decoded)?;
        let (min_ts_us, max_ts_us) = time_range(view, rows)?;
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
    // Reads one byte more than stated: this detects a longer body without holding it.
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
            let problem = format!("{} rows instead of {}", rows.num_rows(), frame.rows);
            return Err(WireError::Mismatch { view: frame.view.clone(), problem });
        }
        if time_range(&frame.view, &rows)? != (frame.min_ts_us, frame.max_ts_us) {
            return Err(WireError::Mismatch { view: frame.view.clone(), problem: "the times differ".into() });
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
    // The error is shown to people, so its form is enforced here too.
    if let Some(error) = header.status.as_mut().and_then(|status| status.last_error.as_mut()) {
        *error = error_line(error);
    }
    within("number of frames", header.frames.len(), MAX_FRAMES)?;
    Ok((header, &bytes[PREFIX + length..]))
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), WireError> {
    if size > limit { Err(WireError::TooLarge { what, size, limit }) } else { Ok(()) }
}

fn time_range(view: &str, rows: &RecordBatch) -> Result<(i64, i64), WireError> {
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
