//! Errors of the API: one enum, and one JSON form.
//!
//! For: turning every failure into a response. Uses: `secret` for errors of passwords. Used by: every room that answers requests.
//!
//! ```json
//! {"error": {"code": "sql_syntax", "message": "…", "remedy": "…", "position": {"line": 1, "column": 8}}}
//! ```
//! `code` is for programs and never changes. `message` states the problem and `remedy` how to fix it, for people. Failures of the backend
//! itself ([`ApiError::Internal`], [`ApiError::Store`]) are logged here once. Their response contains no details except the store's remedy.

mod answer;
mod body;
mod credential;
mod query;
mod response;

use std::time::Duration;

use pganalytics_lake::{CredentialError, MetaError, QueryError, TokenKind};

pub use body::{ErrorBody, ErrorCode, ErrorDetail, ErrorPosition};
pub(crate) use response::Problem;

use crate::secret::{Overloaded, PasswordError};

/// Why a request failed.
#[derive(Debug)]
pub enum ApiError {
    Unauthenticated,
    BadCredentials,
    TooManyAttempts(Duration),
    /// The required role.
    Forbidden(pganalytics_lake::Role),
    /// The required kind of token.
    WrongToken(TokenKind),
    /// A collector showed no certificate, although certificates are required.
    NoCertificate,
    /// A collector's certificate is for another name.
    ForeignCertificate {
        message: String,
        remedy: String,
    },
    /// A shared token, although each collector must show a certificate for its own name.
    UnboundToken,
    /// An enrolment token that is used for something other than enrolment.
    EnrolmentToken,
    /// A credential is refused, or an enrolment is.
    Credential(CredentialError),
    /// The ServiceAccount may not enrol collectors.
    ServiceAccount(String),
    /// The ServiceAccount token is invalid, or is for another audience.
    ServiceAccountToken,
    /// The Kubernetes API cannot review the token now.
    Reviewer(String),
    /// The batch belongs to another collector than the credential.
    ForeignCollector(String),
    /// A shared token came with a batch of a collector that has its own credential.
    SharedToken(String),
    /// A shared token came with a batch of a collector that ships with another one.
    BoundCollector(String),
    /// The batch's number is too far above the collector's newest batch.
    SequenceLeap(String),
    /// The local port only serves programs of this machine.
    LocalOnly,
    CrossOrigin,
    /// The object that does not exist.
    NotFound(String),
    NoSuchRoute,
    MethodNotAllowed,
    BadRequest {
        message: String,
        remedy: String,
    },
    Conflict {
        message: String,
        remedy: String,
    },
    /// The required media type.
    UnsupportedMediaType(&'static str),
    /// The limit in bytes.
    TooLarge(usize),
    Timeout(Duration),
    Busy(&'static str),
    Sql(QueryError),
    BadBatch(String),
    Store(anyhow::Error),
    Internal(anyhow::Error),
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) | Self::Internal(error) => write!(f, "{error:#}"),
            Self::Sql(error) => write!(f, "{error}"),
            Self::BadRequest { message, remedy } | Self::Conflict { message, remedy } | Self::ForeignCertificate { message, remedy } => {
                write!(f, "{message}; {remedy}")
            }
            Self::BadBatch(message) | Self::ForeignCollector(message) => f.write_str(message),
            Self::Credential(error) => write!(f, "{error}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl std::error::Error for ApiError {}

impl From<MetaError> for ApiError {
    fn from(error: MetaError) -> Self {
        match error {
            MetaError::Store(error) => Self::Store(error),
            MetaError::Exists { what, name } => {
                Self::Conflict { message: format!("a {what} '{name}' already exists"), remedy: "choose another name".into() }
            }
            MetaError::LastAdmin(name) => {
                Self::Conflict { message: format!("'{name}' is the last enabled admin"), remedy: "make another user an admin first".into() }
            }
        }
    }
}

impl From<CredentialError> for ApiError {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Store(error) => error.into(),
            error => Self::Credential(error),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::Sql(error)
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        Self::BadRequest { message: error.to_string(), remedy: "choose another password".into() }
    }
}

impl From<Overloaded> for ApiError {
    fn from(_: Overloaded) -> Self {
        Self::Busy("logins")
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
