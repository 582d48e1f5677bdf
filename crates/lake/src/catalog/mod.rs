//! The history in the meta store: its files, its hot batches, its version, and the lease under which it changes.
//! Uses: `store`, `meta`, `model`.
//! Used by: `present`, `write`, `maintain`, `lake`.

pub(crate) mod batches;
pub(crate) mod files;
pub(crate) mod history;
mod lease;
pub(crate) mod removal;
pub(crate) mod set_aside;
mod sweep;

pub(crate) use history::{next_version, next_version_at};
pub(crate) use lease::{Fence, Lease};
pub(crate) use sweep::clean;
