//! The history's files as they are written and read.
//! Uses: `store`, `model`.
//! Used by: `query`, `maintain`, `present`.

pub(crate) mod draft;
pub(crate) mod reader;
