//! Which files are the history, and who may change that.
//! Uses: `store`, `meta`, `model`.
//! Used by: `present`, `write`, `maintain`, `lake`.

pub(crate) mod files;
pub(crate) mod lease;
