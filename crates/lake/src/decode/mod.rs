//! Batches as rows in the tables' shapes, checked. It stands below `present`, which decodes batches that other replicas took.
//! Uses: `model`.
//! Used by: `present`, `write`, `maintain`.

mod error;
mod shaped;
mod stored;

pub use error::RowsError;
pub(crate) use shaped::shaped;
pub(crate) use stored::decode_known;
