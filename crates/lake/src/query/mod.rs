//! Queries in SQL: the checks of a statement, the tables, planning and execution, and cached answers.
//! Uses: `present`, `parquet`, `rollup`, `meta`, `model`, `threads`. Never `maintain` or `write`: a query changes nothing.
//! Used by: `options`, `lake`.

mod answers;
mod budget;
mod cache;
mod dialect;
mod dictionary;
mod engine;
mod executor;
mod failure;
mod functions;
mod guard;
mod lanes;
mod memory;
mod operators;
mod question;
mod reads;
mod recent;
mod schemas;
mod session;
mod settled;
mod spill;
mod stop;
mod stored;
mod summing;
mod table;
mod tables;
mod turns;
mod watch;

pub(crate) use answers::Answers;
pub use cache::{AnswerCache, MAX_KEPT};
pub use dialect::interval_text;
pub(crate) use engine::{Engine, Limits};
pub use question::{Answer, Position, Purpose, Query, QueryError, QueryErrorKind};
pub(crate) use spill::Spill;
