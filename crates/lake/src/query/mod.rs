//! Queries in SQL: the checks of a statement, the tables, planning and execution, and cached answers.
//! Uses: `present`, `parquet`, `rollup`, `meta`, `model`, `threads`. Never `maintain` or `write`: a query changes nothing.
//! Used by: `options`, `lake`.

mod answers;
mod cache;
mod dialect;
mod dictionary;
mod engine;
mod executor;
mod failure;
mod functions;
mod guard;
mod question;
mod reads;
mod recent;
mod schemas;
mod session;
mod settled;
mod spill;
mod stored;
mod summing;
mod table;
mod tables;

pub(crate) use answers::Answers;
pub use cache::{AnswerCache, MAX_KEPT};
pub use dialect::interval_text;
pub use engine::QUERIES_AT_ONCE;
pub(crate) use engine::{Engine, Limits};
pub use question::{Answer, Position, Query, QueryError, QueryErrorKind};
pub(crate) use spill::Spill;
