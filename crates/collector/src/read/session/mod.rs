//! A session on a server: connected within a deadline, limited by the server's own settings, and read row by row.
//!
//! # Promise
//! - A query cannot disturb the server. Each query runs in a read-only transaction with `lock_timeout`, `statement_timeout`, no JIT, and
//!   `search_path = pg_catalog, pg_temp`. The guard makes these settings for one transaction, in the same message as the query. So the
//!   guard needs no extra round trip and no startup parameter that a pooler would refuse, and leaves nothing behind in a pooled session that
//!   an application uses next. The server's answer is checked, and a session that did not apply the guard is dropped.
//! - No snapshot is kept for a client that hangs. Over TCP, a server on Linux ends the session after ten seconds (`tcp_user_timeout`). On a
//!   Unix socket and on other platforms, a large answer is read in parts that fit into the connection's buffers, and
//!   `idle_in_transaction_session_timeout` ends the wait between two parts.
//! - Each query ends: at the server's `statement_timeout`, or at the client's later deadline, after which the session must be dropped.
//! - Rows are passed on one by one in text format. An error carries the server's message without the statement's
//!   text.
//!
//! May use `connect`.
//! Used by `probe` and `target`, and by `doctor`.

mod cell;
mod error;
mod facts;
mod guard;
mod guarded;
mod open;
mod size;

pub(crate) use cell::{bytes, text};
pub(crate) use error::SessionError;
pub(crate) use guarded::Session;
pub(crate) use size::AnswerSize;
