//! What is readable at one moment, and how it follows the store.
//! Uses: `catalog`, `parquet`, `decode`, `meta`, `model`.
//! Used by: `query`, `maintain`, `write`, `lake`.

pub(crate) mod fleet;
pub(crate) mod follow;
pub(crate) mod snapshot;
