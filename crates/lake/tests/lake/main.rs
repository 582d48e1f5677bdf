//! Proves the lake's promises from outside, through its public API and its data folder.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod answers;
mod compaction;
mod crash;
mod fleet;
mod ingest;
mod limits;
mod meta;
mod readonly;
mod rollup;
mod sql;
mod verify;
mod world;
