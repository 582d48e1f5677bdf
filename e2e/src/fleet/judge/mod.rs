//! The judge of a fleet: knows every acknowledged row, asks the backend, and reports rows that are missing, doubled, altered, torn or foreign.
//!
//! Uses `ledger`, `rows` and `api`. Used by the tests and `bench/fleet`.
//!
//! # Promise
//! Exact counts. A row is identified by (server, view, ts, labels) and its mark. The only rows that may be there or not are those of the batch that a
//! collector had in flight at the end: the backend may have that batch whole or not at all. A part of it is a defect.
//!
//! # How
//! First one query per view and group of servers: rows, distinct rows, the sum of marks, and a sum of marks weighted by time, for each server. If a
//! server's sums differ from its ledger, the judge reads all its rows of that view and compares them one by one.

mod answers;
mod comparison;
mod expected;
mod total;
mod verdict;

pub use comparison::judge;
pub use verdict::{Difference, Spread, Verdict, Wrong};
