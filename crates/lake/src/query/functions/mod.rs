//! SQL functions that differ from DataFusion's own.
//!
//! - Functions that can make long texts from short ones (`repeat`, `lpad`, `||`, …) are bounded. DataFusion does not count their results as
//!   query memory, so `repeat('x', 10000000000)` would kill the process. The largest possible result is computed before the call.
//! - Only functions on a list may be called ([`allowed`]). Arguments that are sizes are bounded.
//! - `to_char()` takes PostgreSQL's template patterns.
//! - `now()` has microseconds, as in PostgreSQL and as `ts` has. With DataFusion's nanoseconds, every comparison would cast `ts`.

mod allowed;
mod bound;
mod bounded;
mod concatenation;
mod now;
mod register;
mod to_char;

pub(crate) use allowed::bounded;
pub(crate) use register::register;
