//! The rows that are readable now: snapshots, how a process follows the meta store, and the fleet's newest state.
//! Uses: `catalog`, `parquet`, `decode`, `meta`, `model`.
//! Used by: `query`, `maintain`, `write`, `lake`.

mod fleet;
mod follow;
mod snapshot;
mod start;

pub(crate) use follow::{Follower, LOOK};
pub(crate) use snapshot::{Contents, Present, Snapshot};
pub(crate) use start::note_fleet;
