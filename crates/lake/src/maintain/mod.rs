//! What runs behind: hot rows become files, files become larger, old days leave, and the whole is verified.
//! Uses: everything below it: `write`, `present`, `catalog`, `parquet`, `rollup`, `store`, `meta`, `model`; never `query`.
//! Used by: `lake`.

pub(crate) mod compaction;
pub(crate) mod retention;
pub(crate) mod verify;
