//! The nouns: plain values without I/O.
//! Uses: no other room.
//! Used by: every room above it.

mod change;
pub(crate) mod day;
mod extent;
mod hot;
mod live_file;
mod shape;
mod stats;

pub(crate) use change::Change;
pub(crate) use extent::Extent;
pub(crate) use hot::Hot;
pub(crate) use live_file::{LiveFile, path};
pub(crate) use shape::{NANOSECONDS, SERVER_AT, Shape, Shapes, TS_AT};
pub use stats::{Compaction, Expiry, Stats, TableStats};
