//! The Parquet files of the history: format, writer and reader.
//! Uses: `store`, `model`.
//! Used by: `present`, `query`, `maintain`, `lake`.

mod blame;
mod checksum;
mod draft;
mod properties;
mod pruning;
mod reader;
mod sorted;

pub(crate) use blame::Blame;
pub(crate) use draft::Draft;
pub(crate) use properties::ASCENDING;
pub(crate) use pruning::pruned;
pub(crate) use reader::Files;
pub(crate) use sorted::Sorted;
