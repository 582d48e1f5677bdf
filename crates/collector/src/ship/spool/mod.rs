//! The spool keeps batches on disk until the backend has committed them.
//!
//! # Promise
//! - A batch that [`Spool::append`] has written to disk survives `kill -9` and a power cut, if the disk keeps fsynced data.
//! - Batches leave in the order of their sequences. A sequence is never used twice under one identity, whatever happens
//!   between append and ship. A wiped folder gets a new identity.
//! - The spool is bounded: when it is full, the oldest batches are dropped. The next batch's header carries the number of dropped rows.
//! - A damaged file is moved to `rejected/` and counted; the other batches are not affected.
//! - While the disk is full, batches wait in memory, within a bound, and move to disk when there is room.
//!
//! # On disk
//! ```text
//! spool/lock                            locked while a collector runs
//! spool/state                           the identity and two counts, see below
//! spool/00000000000000000017.batch      one file per batch: the shipped bytes, which include a checksum
//! spool/….tmp                           a file that was being written; removed at start
//! spool/rejected/….batch                batches that the backend refused, and damaged batches: the newest few, for a human
//! ```
//! `state` is lines of `key value`: `identity` (uuid), `reserved` (sequences below it may have been used), `dropped_rows` (for
//! the next header). Files of both kinds are written under a temporary name, fsynced and renamed, and the folder is fsynced: a file with
//! its final name is complete. A torn write leaves a `.tmp` file, or a batch whose checksum fails when the batch is read.
//!
//! # How
//! Sequences are reserved in `state` a thousand at a time, so that an append writes one file. A restart continues above the reserved
//! sequences; the gap has no meaning. All calls block on the disk, so the caller runs them on blocking threads.
//!
//! May use `durable`, which writes files atomically.
//! Used by `ship`, and by `doctor`.

mod append;
mod batches;
mod bounds;
mod folder;
mod front;
mod open;
mod rejected;
mod state;
#[cfg(test)]
mod tests;

pub use batches::Spool;
pub(crate) use front::Oldest;
