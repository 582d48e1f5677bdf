//! Decodes batches into checked rows of the tables' shapes. Stands below `present`, which decodes batches that other replicas accepted.
//! Uses: `model`.
//! Used by: `present`, `write`, `maintain`.

mod error;
mod shaped;
mod stored;

pub use error::RowsError;
pub(crate) use shaped::shaped;
pub(crate) use stored::decode_known;
