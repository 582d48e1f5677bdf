//! Tests the lake's promises from outside, through its public API and its data folder.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod answers;
mod clocks;
mod compaction;
mod crash;
mod damage;
mod dialect;
mod disk;
mod examples;
mod extreme;
mod fairness;
mod fleet;
mod folders;
mod ingest;
mod limits;
mod merging;
mod meta;
mod newer;
mod readonly;
mod refusal;
mod retention;
mod rollup;
mod rollup_model;
mod rollup_reading;
mod room;
mod rows;
mod sql;
mod verify;
mod views;
mod world;
