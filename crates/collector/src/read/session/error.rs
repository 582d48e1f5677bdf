//! Why a session could not begin, or a query failed.

use std::time::Duration;

use crate::connect::Failure;
use crate::connect::conninfo::Address;

/// SQLSTATEs of a refused login: invalid password, invalid authorization.
const WRONG_LOGIN: [&str; 2] = ["28P01", "28000"];
/// The beginning of the message of a failed TLS handshake.
const TLS_FAILED: &str = "TLS: ";

/// Why a session could not begin, or a query failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    /// The server does not answer, or refuses the connection.
    #[error("{at}: {message}")]
    Connect { at: String, message: String, code: Option<String> },
    #[error("{at}: PostgreSQL {version} is older than {}, the oldest version that is read", pganalytics_views::OLDEST_VERSION)]
    TooOld { at: String, version: String },
    /// The server refused the query. The session can be used again.
    #[error("{message} (SQLSTATE {code})")]
    Query { code: String, message: String },
    /// The session broke and must be dropped.
    #[error("{0}")]
    Broken(String),
    /// No answer arrived in time. The session must be dropped.
    #[error("no answer within {} ms, though statement_timeout was {} ms: the session was dropped", deadline.as_millis(), statement.as_millis())]
    Deadline { deadline: Duration, statement: Duration },
}

impl SessionError {
    /// Whether the session can be used again.
    #[must_use]
    pub(crate) fn is_harmless(&self) -> bool {
        matches!(self, Self::Query { .. })
    }

    /// The server's SQLSTATE.
    #[must_use]
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Query { code, .. } => Some(code),
            Self::Connect { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// Whether the login may have changed: the server refuses the login, or its certificate is not the expected one.
    #[must_use]
    pub(crate) fn is_login_refused(&self) -> bool {
        match self {
            Self::Connect { code: Some(code), .. } => WRONG_LOGIN.contains(&code.as_str()),
            Self::Connect { message, .. } => message.starts_with(TLS_FAILED),
            _ => false,
        }
    }
}

/// The error of a failed connection, and whether the next attempt, with the other encryption, may succeed.
pub(super) fn connect_error(at: &str, address: &Address, failure: Failure) -> (SessionError, bool) {
    let (message, code, refused) = match failure {
        // 28000: pg_hba.conf has no line for this encryption. A wrong password (28P01) fails with either encryption.
        Failure::Client(sqlx::Error::Database(refusal)) => {
            let code = refusal.code().map(std::borrow::Cow::into_owned);
            let refused = code.as_deref() == Some("28000");
            (refusal.message().to_owned(), code, refused)
        }
        Failure::Client(sqlx::Error::Io(cause)) | Failure::Io(cause) => {
            let socket = match address {
                Address::Socket(folder) => format!(" (socket in {})", folder.display()),
                Address::Tcp(_) => String::new(),
            };
            (format!("{cause}{socket}"), None, false)
        }
        Failure::Client(other) => (other.to_string(), None, false),
        Failure::Tls(cause) => (format!("{TLS_FAILED}{cause}"), None, true),
        // With the other encryption the server asks for the same, or the password would be less safe.
        Failure::Method(cause) => (cause, None, false),
    };
    (SessionError::Connect { at: at.into(), message, code }, refused)
}

/// The errors of several attempts as one, as libpq reports them: each distinct error once, in the order of the attempts. The SQLSTATE is that of
/// the first server that gave one.
pub(super) fn joined(errors: Vec<SessionError>) -> Option<SessionError> {
    if errors.len() < 2 {
        return errors.into_iter().next();
    }
    let code = errors.iter().find_map(|error| error.code().map(ToOwned::to_owned));
    let mut first: Option<String> = None;
    let mut texts: Vec<String> = Vec::new();
    for error in errors {
        let (at, text) = match error {
            SessionError::Connect { at, message, .. } => (at, message),
            SessionError::TooOld { ref at, .. } => (at.clone(), error.to_string()),
            other => (String::new(), other.to_string()),
        };
        let text = if at == *first.get_or_insert_with(|| at.clone()) { text } else { format!("{at}: {text}") };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Some(SessionError::Connect { at: first?, message: texts.join("; "), code })
}

pub(super) fn query_error(error: &sqlx::Error) -> SessionError {
    match error {
        sqlx::Error::Database(refusal) => {
            let code = refusal.code().unwrap_or_default().into_owned();
            let message = refusal.message().to_owned();
            // Class 57P: the server ends the session (shutdown, crash, terminated). 25P03: this client was too slow within a transaction.
            if code.starts_with("57P") || code == "25P03" { SessionError::Broken(message) } else { SessionError::Query { code, message } }
        }
        other => SessionError::Broken(format!("the connection broke: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(at: &str, message: &str, code: Option<&str>) -> SessionError {
        SessionError::Connect { at: at.into(), message: message.into(), code: code.map(Into::into) }
    }

    #[test]
    fn all_attempts_are_reported_as_libpq_does() {
        let no_ssl = refused("db-1:5432", "TLS: the server does not support TLS", None);
        let password = refused("db-1:5432", "password authentication failed for user \"m\"", Some("28P01"));
        let down = refused("db-2:5432", "Connection refused (os error 111)", None);
        let all = joined(vec![no_ssl, password.clone(), down.clone()]).expect("an error");
        assert_eq!(
            all.to_string(),
            "db-1:5432: TLS: the server does not support TLS; password authentication failed for user \"m\"; \
             db-2:5432: Connection refused (os error 111)"
        );
        assert_eq!((all.code(), all.is_login_refused()), (Some("28P01"), true));
        assert_eq!(joined(vec![down.clone(), down.clone()]), Some(down.clone()));
        assert_eq!(joined(vec![password.clone()]), Some(password));
        assert_eq!(joined(Vec::new()), None);
    }
}
