//! A session on a server: connected within a deadline, guarded by the server's own limits, read row by row.
//!
//! # Promise
//! - A query can hurt nobody: it runs in a read-only transaction with `lock_timeout`, `statement_timeout`, no JIT, and
//!   `search_path = pg_catalog, pg_temp`. The guard is set for that one transaction, in the same message as the query: no round trip of its
//!   own, no startup parameter a pooler would refuse, and nothing left behind in a pooled session that an application gets next.
//!   The server's answer is checked: a session that does not hold the guard is dropped.
//! - A query ends: by the server's `statement_timeout`, or else by the client's deadline, after which the session must be dropped.
//! - Rows are handed over one by one in text format and not gathered. Anything the server says in an error comes out without
//!   the statement's text.
//!
//! May use `connect`.
//! Used by `probe` and `target`, and by `doctor`.

mod cell;
mod error;
mod facts;
mod guard;
mod guarded;
mod open;

pub(crate) use cell::{bytes, text};
pub(crate) use error::SessionError;
pub(crate) use guarded::Session;
