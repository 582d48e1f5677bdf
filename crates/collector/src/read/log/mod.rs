//! PostgreSQL's log, line by line: who it is about, how severe it is, and what is said, without what must stay on the server.
//!
//! ```text
//! line ─▶ json (jsonlog, CloudNativePG) ─┬─▶ entry ─▶ message ─▶ window
//!       ─▶ prefix (stderr)              ─┘            hides       sums
//! ```
//! # Promise
//! - Formats are told apart by the line itself: JSON of `log_destination = jsonlog` and of CloudNativePG's instance manager; everything
//!   else is `stderr`, with the server's own `log_line_prefix` where that is known. Lines of other programs in the same container are none.
//! - DETAIL, HINT, CONTEXT, STATEMENT and further lines of a message never leave here; of the message itself only what
//!   [`redact`](crate::read::redact) lets through.
//! - Where a severity is none that PostgreSQL writes in English, the entry is counted and its message hidden: it may be a translated
//!   "STATEMENT".
//!
//! May use `redact` and `delta::rows`.
//! Used by `target`.

mod entry;
mod json;
mod line;
mod prefix;
mod stderr;
mod window;

pub(crate) use line::parse;
pub(crate) use prefix::Prefix;
pub(crate) use window::Window;
