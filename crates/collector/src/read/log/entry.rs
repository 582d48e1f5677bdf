//! One entry of a log, without the parts that must stay on the server.

use crate::read::redact::{self, Redacted};

/// The severities that PostgreSQL writes in English (`elog.c`).
pub(super) const SEVERITIES: [&str; 13] =
    ["DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC"];
/// The words in place of a severity on lines that belong to the entry above them.
const PARTS: [&str; 7] = ["DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION", "BACKTRACE"];

/// One entry, without the parts that must stay on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub database: Option<String>,
    pub user: Option<String>,
    pub application: Option<String>,
    pub backend_type: Option<String>,
    pub severity: String,
    pub sqlstate: Option<String>,
    pub message: Option<Redacted>,
}

impl Entry {
    /// Sets the severity and the message from the log. `None`: the line is a part of another entry.
    pub(super) fn says(mut self, severity: &str, message: &str) -> Option<Self> {
        if PARTS.contains(&severity) {
            return None;
        }
        self.message = SEVERITIES.contains(&severity).then(|| redact::message(message, self.sqlstate.as_deref()));
        self.severity = severity.into();
        Some(self)
    }
}

/// Returns a value from the log. `None`: the log has no value.
pub(super) fn known(value: &str) -> Option<String> {
    let value = value.trim();
    // PostgreSQL writes `[unknown]` as long as it does not know the value.
    (!value.is_empty() && value != "[unknown]").then(|| value.into())
}
