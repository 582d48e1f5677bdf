//! From snapshots to what is shipped: counters become deltas, rows that did not change stay behind.
//!
//! # Promise
//! Pure: no clock, no I/O. There is one [`Delta`] for each view and server (and database, if the view is read in each).
//! - Labels marked as identity (oids, query ids) are a row's key. Its other labels are names: a changed name ships the row, and its deltas go on.
//!   In a view without such labels all labels are the key.
//! - The first snapshot of a row is its baseline: counters and `interval_ms` are null.
//! - A row that was not in the last snapshot counts from zero only if the view's marks prove that it is new. Otherwise it is a baseline: a row that
//!   becomes visible (a privilege was granted, a cut ended) may have counted for years.
//! - A counter that falls has no delta for this interval; the other counters of the row keep theirs.
//! - All counters of a row start again from zero, so that their deltas are the new values, if the row's reset time or a mark says so, or if a
//!   counter falls that the view's `restarts_with` names. This holds even where a new value is above the old one.
//! - A sum over parts (the indexes of a table) has no delta if one of the parts is gone.
//! - If only "this row or another one" is known to be reset, counters that moved have no delta, unless the fall of another row explains the reset.
//! - No delta is negative. Between such events the deltas add up to last − first.
//! - After [`Delta::forget`] (another postmaster answers: a restart may have kept the counters, a failover has those of another server)
//!   everything is a baseline again. An unknown interval is better than a false delta of a server's whole life.
//! - Beyond the view's `max_rows`, the rows with the largest numbers are kept, and the others are summed into one (`keep`).
//! - Rows with the same key are one row, whose counters are summed.
//!
//! # How
//! The previous snapshot is held compactly (`slots`): a 128-bit hash of the key leads to a slot with the counters and marks as integers, one hash
//! over all facts, the reset time, and the time when the row was last shipped.
//!
//! Uses no other room.
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
