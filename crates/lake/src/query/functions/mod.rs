//! SQL functions that differ from DataFusion's own.
//!
//! - Functions that make texts (`repeat`, `lpad`, `||`, …) are bounded. DataFusion does not count their results as query memory, so
//!   `repeat('x', 10000000000)` would kill the process. The largest possible result is computed before the call. Long texts are computed in
//!   parts, between which a query that must stop does.
//! - Only functions on a list may be called ([`allowed`]). Arguments that are sizes are bounded, and so is the list of window functions.
//! - `to_char()` takes PostgreSQL's template patterns.
//! - `now()` has microseconds, as in PostgreSQL and as `ts` has. With DataFusion's nanoseconds, every comparison would cast `ts`.

mod allowed;
mod bound;
mod bounded;
mod concatenation;
mod cost;
mod now;
mod register;
mod to_char;

pub(crate) use allowed::bounded;
pub(crate) use cost::Cost;
pub(crate) use register::register;
