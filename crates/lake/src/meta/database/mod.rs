//! The database of the meta store: SQLite in the data folder of one process, or a PostgreSQL server that several replicas share.
//!
//! # Promise
//! A statement is written once and has the same meaning on both databases: `$n` for values, `on conflict`, `returning`, times in
//! microseconds, and qualified columns in statements that use `excluded`. The few differences are kept in this module
//! ([`Database::clock`]). A change is durable when its method returns: `synchronous=FULL` on SQLite, `synchronous_commit` on PostgreSQL.
//!
//! SQLite has one writing connection, so writes queue in this process and never get `SQLITE_BUSY`. Readers see the last commit. On
//! PostgreSQL, every wait has an end: the server's timeouts end a statement, and `OPERATION` ends a statement whose server no longer
//! answers.

mod pool;
mod run;
mod statement;
mod transaction;

pub(crate) use pool::Database;
pub(crate) use statement::{Statement, statement};
pub(crate) use transaction::Transaction;
