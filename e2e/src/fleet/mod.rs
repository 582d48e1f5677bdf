//! A simulated fleet, and the judge of what became of its rows.
//!
//! # Promise
//! N collectors of M servers each ship real batches (`wire::encode`) of the built-in views at their default intervals. Everything a
//! fleet ships follows from its [`Shape`]: a batch can be made again at any time, byte for byte, so there is no spool to keep, a
//! collector that was killed goes on where its ledger ends, and the judge knows each row without having stored it.
//!
//! Each row is known by (server, view, ts, labels), which no other row has, and by its *mark*: the value of one column, which follows
//! from these and the seed.
//!
//! # How
//! `population` says who the rows of a view are (labels and texts), `rows` makes the rows of a window of time, `ship` ships them by
//! the rule of the real collector, `ledger` keeps what was acknowledged, `judge` asks the backend and compares.
//!
//! What it leaves out: a steady fleet is simulated, so there is no first snapshot without a baseline, no reset of counters and no
//! server that goes down.

pub mod judge;
pub mod ledger;
mod population;
pub mod rows;
mod shape;
mod ship;

pub use shape::Shape;
pub use ship::{Endpoint, Fleet, Progress, Token};
