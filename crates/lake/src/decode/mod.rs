//! A batch's bytes as rows in the tables' shapes, checked.
//! Uses: `model`.
//! Used by: `write`, `present`, `maintain`.

pub(crate) mod shaped;
