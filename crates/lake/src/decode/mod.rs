//! A batch's bytes as rows in the tables' shapes, checked.
//! Uses: `model`.
//! Used by: `write`, `present`, `maintain`.

mod error;
mod shaped;
mod stored;

pub use error::RowsError;
pub(crate) use shaped::shaped;
pub(crate) use stored::decode_known;
