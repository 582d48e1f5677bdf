//! The JSON body of an error response.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kind of error, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    Unauthenticated,
    BadCredentials,
    TooManyAttempts,
    Forbidden,
    WrongToken,
    CertificateRequired,
    ForeignCertificate,
    EnrolmentTokenUnknown,
    EnrolmentTokenExpired,
    EnrolmentTokenRevoked,
    EnrolmentTokenUsedUp,
    CredentialUnknown,
    CredentialReplaced,
    CredentialTaken,
    CollectorEnrolled,
    CollectorBound,
    CollectorRevoked,
    ForeignCollector,
    SequenceLeap,
    CrossOrigin,
    NotFound,
    MethodNotAllowed,
    BadRequest,
    Conflict,
    UnsupportedMediaType,
    TooLarge,
    Timeout,
    Busy,
    SqlSyntax,
    SqlPlan,
    SqlForbidden,
    SqlMemory,
    SqlDeadline,
    SqlExecution,
    HistoryDamaged,
    BadBatch,
    Store,
    Internal,
}

impl ErrorCode {
    /// The code as in a response's body.
    pub(crate) fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| Some(word.as_str()?.to_owned())).unwrap_or_default()
    }
}

/// A place in a statement. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorPosition {
    pub line: u64,
    pub column: u64,
}

/// An error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    pub code: ErrorCode,
    /// The problem.
    pub message: String,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The place in the statement, for SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<ErrorPosition>,
}

/// The body of every error response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}
