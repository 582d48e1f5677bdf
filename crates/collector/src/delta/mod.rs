//! Turns snapshots into the rows that are shipped: counters become deltas, and unchanged rows are left out.
//!
//! # Promise
//! Pure: no clock, no I/O. There is one [`Delta`] for each view and server (and database, if the view is read in each).
//! - Labels marked as identity (oids, query ids) are a row's key. The other labels are names: if a name changes, the row is shipped and its
//!   deltas continue. In a view without identity labels, all labels are the key.
//! - The first snapshot of a row is its baseline: counters and `interval_ms` are null.
//! - A row that was not in the last snapshot counts from zero only if the view's marks prove that it is new. Otherwise it is a baseline: a row that
//!   becomes visible (a privilege was granted, a cut ended) may have counted for years.
//! - A counter that falls has no delta for this interval; the other counters of the row keep theirs.
//! - If the row's reset time or a mark says so, or if a counter that the view's `restarts_with` names falls, all counters of the row count from
//!   zero: their deltas are the new values. This holds even if a new value is above the old one.
//! - A sum over parts (the indexes of a table) has no delta if one of the parts is gone.
//! - If only "this row or another one" is known to be reset, counters that moved have no delta, unless the fall of another row explains the reset.
//! - No delta is negative. Between such events the deltas add up to last − first.
//! - After [`Delta::forget`], every row is a baseline again. It is called when another postmaster answers: after a restart the counters may have
//!   been kept, and after a failover they are another server's. An unknown interval is better than a false delta over a server's whole life.
//! - Beyond the view's `max_rows`, the rows with the largest numbers are kept, and the others are summed into one (`keep`).
//! - Rows with the same key are one row, whose counters are summed.
//!
//! # How
//! The previous snapshot is held compactly (`slots`). A 128-bit hash of the key maps to a slot. The slot holds the counters and marks as
//! integers, one hash over all facts, the reset time, and the time when the row was last shipped.
//!
//! Uses no other module of the collector.
//! Used by `read`, and by `find` for the rows of pods.

mod batch;
mod cell;
mod counters;
mod engine;
mod hashes;
mod keep;
mod marks;
mod merge;
pub(crate) mod rows;
mod slots;
#[cfg(test)]
mod tests;
mod text_format;

pub(crate) use batch::already_deltas;
pub(crate) use engine::Delta;
pub(crate) use keep::{OTHER, Shipped};
