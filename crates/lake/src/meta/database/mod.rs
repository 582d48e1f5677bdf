//! The database under the meta store: SQLite in the data folder of one process, or a PostgreSQL that several replicas share.
//!
//! # Promise
//! A statement is written once and means the same on both: `$n` for values, `on conflict`, `returning`, times as microseconds, columns
//! qualified where `excluded` stands beside them. What differs is a word or two, and stands here ([`Database::clock`]). A change is
//! durable when it returns: `synchronous=FULL` on SQLite, `synchronous_commit` on PostgreSQL.
//!
//! On SQLite there is one writer connection, so writes queue in this process and never meet `SQLITE_BUSY`; readers see the last commit.
//! Nothing waits without end on PostgreSQL: its own timeouts end a statement, and `OPERATION` one whose server no longer answers.

mod pool;
mod run;
mod statement;
mod transaction;

pub(crate) use pool::Database;
pub(crate) use statement::{Statement, statement};
pub(crate) use transaction::Transaction;
