//! Query results as JSON, CSV, or an Arrow IPC stream.
//!
//! For: the response bodies of SQL. Uses: no other room. Used by: `api`.
//!
//! The work grows with the number of rows, so it belongs on a blocking thread. The result comes in pieces of [`PIECE`] bytes, so that
//! compressing a large response does not block a runtime thread for long.

mod csv;
mod json;
mod stream;
mod types;
mod values;

use bytes::Bytes;

pub(crate) use csv::csv;
pub(crate) use json::json;
pub(crate) use stream::arrow_stream;

/// The most bytes of a piece. gzip compresses this in about a millisecond.
const PIECE: usize = 64 * 1024;

/// Splits the bytes into pieces without copying.
pub(crate) fn pieces(bytes: Vec<u8>) -> impl Iterator<Item = Bytes> {
    let mut rest = Bytes::from(bytes);
    std::iter::from_fn(move || (!rest.is_empty()).then(|| rest.split_to(PIECE.min(rest.len()))))
}
