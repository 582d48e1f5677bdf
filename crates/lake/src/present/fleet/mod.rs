//! The newest state of every server, apart from the history.
//!
//! # Promise
//! `pganalytics_fleet` and `pganalytics_fleet_minutes` are what the history's rows of the last hour say (of the last [`state::FACTS`] for sizes and
//! ages, which rest for long), and asking for them reads no file and no hot row: their cost follows the number of servers alone.
//!
//! # How
//! Rows are noted as they become visible. Each server has a slot for each minute, and the moments of the snapshots that are in
//! it, so that rows seen twice (at a start from both files and hot batches) count once. A snapshot comes whole: in one batch of a
//! collector, and from files once all rows of its server are read. At a start, what the newest files hold is noted before the first
//! query is answered.

mod clusters;
mod columns;
mod newest;
mod state;
mod sums;
mod tables;

pub(crate) use newest::{Fleet, NOTED};
pub(crate) use sums::SnapshotSums;
pub(crate) use tables::FLEET;
