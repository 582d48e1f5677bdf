//! Decodes batches into checked rows of the tables' shapes. Stands below `present`, which decodes batches that other replicas accepted.
//! Uses: `model`.
//! Used by: `present`, `write`, `maintain`.

mod error;
mod memory;
mod shaped;
mod stored;
mod times;
mod unknown;

pub use error::RowsError;
pub(crate) use shaped::shaped;
pub(crate) use stored::decode_stored;
pub(crate) use times::Times;
pub(crate) use unknown::{Unknown, unknown_view};
