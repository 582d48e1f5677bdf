//! From snapshots to what is shipped: counters become deltas, rows that did not change stay behind.
//!
//! # Promise
//! Pure: no clock, no I/O. One [`Delta`] a view and server (and database, where the view is read in each).
//! - The first snapshot of a row is its baseline: counters and `interval_ms` are null.
//! - A row absent from the previous snapshot is new, and its delta is the full value, but only where that snapshot was complete;
//!   after a cut one it is a baseline again, since nobody knows what it was.
//! - A decrease of any counter, or a changed `reset` column, says that the row's counters started again: its delta is the new value.
//! - No delta is ever negative. The deltas between two such events sum up to last − first.
//! - After [`Delta::forget`] (another postmaster answered: a restart may have kept the counters or not, a failover brought another
//!   server's) everything is a baseline again: a false delta of a server's whole life is worse than an interval unknown.
//! - Rows with the same labels (names of dropped roles and databases are null) are one row; its counters are summed.
//!
//! # How
//! The previous snapshot is held compactly (`slots`): a 128-bit hash of the labels leads to a slot with the counters as integers,
//! one hash over all gauges and texts, the reset time, and when the row was last shipped.
//!
//! Uses no other room.
//! Used by `read`, and by `find` for the rows of pods.

mod batch;
mod cell;
mod counters;
mod engine;
mod hashes;
mod merge;
pub(crate) mod rows;
mod slots;
#[cfg(test)]
mod tests;
mod text_format;

pub(crate) use batch::already_deltas;
pub(crate) use engine::Delta;
