//! A simulated fleet, and the judge of its rows.
//!
//! Uses `wait` and `api`. Used by the tests and `bench/fleet`.
//!
//! # Promise
//! N collectors of M servers each ship real batches (`wire::encode`) of the built-in views at their default intervals. Every batch follows from the
//! fleet's [`Shape`] and can be made again at any time, byte for byte. So the fleet needs no spool, a killed collector goes on where its ledger ends,
//! and the judge knows each row without storing it.
//!
//! A row is identified by (server, view, ts, labels), which no other row has, and by its *mark*: the value of one column, which follows from these and
//! the seed.
//!
//! # How
//! `population` has the labels and texts of a view's rows, `rows` makes the rows of a window of time, `ship` ships them by the rules of the real
//! collector, `ledger` records what was acknowledged, `judge` asks the backend and compares.
//!
//! The fleet is steady: it has no first snapshot without a baseline, no reset of counters, and no server that goes down.

pub mod judge;
pub mod ledger;
mod population;
pub mod rows;
mod shape;
mod ship;

pub use shape::Shape;
pub use ship::{Endpoint, Fleet, Progress, Token};
