//! The rows of a fleet, made from its shape.
//!
//! Uses `population` and `shape`. Used by `ledger` (sums), `ship` and `judge`.

mod columns;
mod maker;
mod recipe;
mod sum;
#[cfg(test)]
mod tests;

pub use maker::Rows;
pub use sum::{Row, Sum, Sums};
