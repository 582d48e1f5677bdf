//! One entry of a log, without the parts that must stay on the server.

use super::sqlstate;
use crate::read::redact::{self, Redacted};

/// One entry, without the parts that must stay on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub database: Option<String>,
    pub user: Option<String>,
    pub application: Option<String>,
    pub backend_type: Option<String>,
    /// In English, in whatever language the server writes.
    pub severity: String,
    pub sqlstate: Option<String>,
    pub message: Option<Redacted>,
}

impl Entry {
    /// Sets the severity and the message from the log.
    pub(super) fn says(mut self, severity: &str, message: &str) -> Self {
        // `log_error_verbosity = verbose` writes the SQLSTATE before the message.
        let (code, message) = sqlstate::before(message);
        self.sqlstate = self.sqlstate.or_else(|| code.map(str::to_owned));
        self.message = Some(redact::message(message, self.sqlstate.as_deref()));
        self.severity = severity.into();
        self
    }
}
