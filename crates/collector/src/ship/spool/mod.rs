//! The spool: batches on disk until the backend has committed them.
//!
//! # Promise
//! - A batch that [`Spool::append`] has taken survives `kill -9` and a power cut, as long as the disk keeps what it fsynced.
//! - Batches leave in the order of their sequences. A sequence is never used twice under one identity, whatever happens
//!   between append and ship; a wiped folder is a new identity.
//! - The spool is bounded: when it is full the oldest batches go, and their rows are counted, to be told in the next batch's header.
//! - A damaged file is set aside and counted; the others go on.
//! - A full disk loses nothing at once: batches wait in memory, bounded, and move to disk when there is room.
//!
//! # On disk
//! ```text
//! spool/lock                            taken while a collector runs
//! spool/state                           what must not be forgotten, below
//! spool/00000000000000000017.batch      one file a batch: the bytes that are shipped, which carry their own checksum
//! spool/….tmp                           a file that was being written; removed at start
//! spool/rejected/….batch                batches the backend refused, and damaged ones; the newest few, for a human
//! ```
//! `state` is lines of `key value`: `identity` (uuid), `reserved` (sequences below it may have been used), `dropped_rows` (to be
//! told in the next header). Both kinds of file are written beside, fsynced, renamed, and the folder is fsynced: a name that
//! is there has its content. What a torn write leaves is a `.tmp`, or a file whose checksum says so when its turn comes.
//!
//! # How
//! Sequences are reserved in `state` a thousand at a time, so that an append costs one file; a restart goes on above the reserved
//! ones, and the gap means nothing. All calls block on the disk: the caller runs them off the async threads.
//!
//! May use `durable`, which writes a file so that its name vouches for its content.
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
