//! SQL functions that differ from DataFusion's own.
//!
//! - Functions that can make much text of little (`repeat`, `lpad`, `||`, …) are bounded: their results are not in DataFusion's account of
//!   memory, and `repeat('x', 10000000000)` would take the process with it. The most a call can make is reckoned before it is made.
//! - Only functions on a list may be called ([`allowed`]), and sizes among their arguments are bounded.
//! - `to_char()` takes PostgreSQL's template patterns.
//! - `now()` is to the microsecond, as in PostgreSQL and as `ts` is. DataFusion's nanoseconds would cast `ts` in every comparison.

mod allowed;
mod bound;
mod bounded;
mod concatenation;
mod now;
mod register;
mod to_char;

pub(crate) use allowed::bounded;
pub(crate) use register::register;
