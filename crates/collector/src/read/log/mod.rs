//! Reads PostgreSQL's log line by line: the database and user, the severity, and the message without the parts that must stay on the
//! server.
//!
//! ```text
//! line ─▶ json (jsonlog, CloudNativePG) ─┬─▶ entry ─▶ message ─▶ window
//!       ─▶ prefix (stderr)              ─┘            hides       sums
//! ```
//! # Promise
//! - The line itself shows its format: JSON of `log_destination = jsonlog` or of CloudNativePG's instance manager. Every other line is
//!   `stderr`, with the server's own `log_line_prefix` if that is known. Lines of other programs in the same container are skipped.
//! - DETAIL, HINT, CONTEXT, STATEMENT and the continuation lines of a message never leave this room. Of the message itself, only the text
//!   that [`redact`](crate::read::redact) lets through leaves it.
//! - Severities and the names of an entry's parts are recognised in all languages of PostgreSQL. A line that begins with another word is no
//!   entry. The messages themselves are known in English only; in other languages they are counted.
//!
//! May use `redact` and `delta::rows`.
//! Used by `target`.

mod entry;
mod json;
mod line;
mod prefix;
mod severity;
mod sqlstate;
mod stderr;
mod window;

pub(crate) use line::parse;
pub(crate) use prefix::Prefix;
pub(crate) use window::Window;
