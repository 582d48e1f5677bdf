//! The newest state of every server, apart from the history.
//!
//! # Promise
//! `pganalytics_fleet` and `pganalytics_fleet_minutes` agree with the history's rows of the last hour. For sizes and ages, which change
//! rarely, they agree with the rows of the last [`databases::FACTS`]. A query of these tables reads no file and no hot row, so its cost depends
//! only on the number of servers.
//!
//! # How
//! Rows are noted as they become visible. Each server has a slot per minute, and the times of the snapshots that are counted. So rows seen
//! twice (at a start, in files and in hot batches) count once. A snapshot is counted as a whole: a collector ships it in one batch, and from
//! files it is counted after all rows of its server are read. At a start, the rows of the newest files are noted before the first query.

mod clusters;
mod columns;
mod databases;
mod newest;
mod state;
mod sums;
mod tables;

pub(crate) use newest::{Fleet, NOTED};
pub(crate) use sums::SnapshotSums;
pub(crate) use tables::FLEET;
