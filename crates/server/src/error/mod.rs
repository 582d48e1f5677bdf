//! What the API answers when it cannot do as asked: one enum, one JSON shape.
//!
//! ```json
//! {"error": {"code": "sql_syntax", "message": "…", "remedy": "…", "position": {"line": 1, "column": 8}}}
//! ```
//! `code` is for programs and stays; `message` says what is wrong and `remedy` what to do, for people. A failure of our own
//! ([`ApiError::Internal`], [`ApiError::Store`]) is logged here, once, and the caller is told no details but the store's remedy.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pganalytics_lake::{CredentialError, MetaError, Position, QueryError, QueryErrorKind, Remedy, TokenKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::secret::{Overloaded, PasswordError};

/// Seconds after which a collector or a browser may try again when the store has trouble.
const RETRY_STORE: Duration = Duration::from_secs(5);
/// Seconds after which an overload has likely passed.
const RETRY_BUSY: Duration = Duration::from_secs(1);

/// What kind of error it is, for programs.
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
    CollectorRevoked,
    ForeignCollector,
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
    UnknownView,
    UnknownColumn,
    Store,
    Internal,
}

/// Where in a statement, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorPosition {
    pub line: u64,
    pub column: u64,
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Where in the statement, for SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<ErrorPosition>,
}

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

/// Why a request was not done.
#[derive(Debug)]
pub enum ApiError {
    Unauthenticated,
    BadCredentials,
    TooManyAttempts(Duration),
    /// The role that is needed.
    Forbidden(pganalytics_lake::Role),
    /// The kind of token that is needed.
    WrongToken(TokenKind),
    /// A collector showed no certificate, and should.
    NoCertificate,
    /// A collector's certificate is not for its name.
    ForeignCertificate {
        message: String,
        remedy: String,
    },
    /// A token of many collectors, where each has to show a certificate of its own name.
    UnboundToken,
    /// An enrolment token where it opens nothing.
    EnrolmentToken,
    /// A credential is not taken, or not given.
    Credential(CredentialError),
    /// A ServiceAccount whose collectors may not enrol.
    ServiceAccount(String),
    /// What has the shape of a ServiceAccount's token is none, or was made for somebody else.
    ServiceAccountToken,
    /// The Kubernetes API does not say whose token it is.
    Reviewer(String),
    /// A batch of another collector than the credential's.
    ForeignCollector(String),
    /// The port for this machine's programs was asked by somebody else.
    LocalOnly,
    CrossOrigin,
    /// What was looked for.
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
    /// The media type that is needed.
    UnsupportedMediaType(&'static str),
    /// The limit in bytes.
    TooLarge(usize),
    Timeout(Duration),
    Busy(&'static str),
    Sql(QueryError),
    BadBatch(String),
    UnknownView(String),
    UnknownColumn(String),
    Store(anyhow::Error),
    Internal(anyhow::Error),
}

impl ApiError {
    fn parts(self) -> (StatusCode, ErrorCode, String, Option<String>) {
        use ErrorCode as Code;
        let say = |status, code, message: &str, remedy: &str| (status, code, message.to_owned(), Some(remedy.to_owned()));
        match self {
            Self::Unauthenticated => say(
                StatusCode::UNAUTHORIZED,
                Code::Unauthenticated,
                "this needs a login, or a token that is neither expired nor revoked",
                "log in, or send 'Authorization: Bearer <token>'",
            ),
            Self::BadCredentials => say(
                StatusCode::UNAUTHORIZED,
                Code::BadCredentials,
                "the user or the password is wrong, or the user is disabled",
                "try again, or ask an admin to set a new password (pganalytics user password NAME)",
            ),
            Self::TooManyAttempts(wait) => say(
                StatusCode::TOO_MANY_REQUESTS,
                Code::TooManyAttempts,
                "too many attempts that failed",
                &format!("try again in {} s", wait.as_secs().max(1)),
            ),
            Self::Forbidden(role) => say(
                StatusCode::FORBIDDEN,
                Code::Forbidden,
                &format!("this needs the role {role}"),
                "ask an admin to do it, or for that role",
            ),
            Self::WrongToken(TokenKind::Enrolment) | Self::EnrolmentToken => say(
                StatusCode::FORBIDDEN,
                Code::WrongToken,
                "an enrolment token is exchanged for a credential, and opens nothing itself",
                "give it to the collector as [backend] enrolment_token; for scripts make an API token: pganalytics token create NAME --kind api",
            ),
            Self::ServiceAccount(name) => say(
                StatusCode::FORBIDDEN,
                Code::Forbidden,
                &format!("collectors of ServiceAccount {name} may not enrol here"),
                "name it in --kubernetes-collectors, as namespace/name",
            ),
            Self::ServiceAccountToken => say(
                StatusCode::UNAUTHORIZED,
                Code::Unauthenticated,
                "the Kubernetes API does not take this ServiceAccount token",
                "mount a projected token with the audience pganalytics-backend, and name its file as [backend] enrolment_token_file",
            ),
            Self::Reviewer(error) => {
                tracing::error!(error, "ask the Kubernetes API whose token a collector shows");
                say(
                    StatusCode::SERVICE_UNAVAILABLE,
                    Code::Busy,
                    "the Kubernetes API does not say whose token this is at the moment",
                    "the backend's log says why; try again later",
                )
            }
            Self::Credential(error) => credential_parts(&error),
            Self::ForeignCollector(message) => say(
                StatusCode::FORBIDDEN,
                Code::ForeignCollector,
                &message,
                "each collector has a spool folder and a credential of its own: do not copy either to another machine",
            ),
            Self::WrongToken(TokenKind::Collector) => say(
                StatusCode::FORBIDDEN,
                Code::WrongToken,
                "only a collector's token may ship batches",
                "make one: pganalytics token create NAME --kind collector",
            ),
            Self::WrongToken(TokenKind::Api) => say(
                StatusCode::FORBIDDEN,
                Code::WrongToken,
                "a collector's token may only ship batches",
                "log in, or make an API token: pganalytics token create NAME --kind api --role viewer",
            ),
            Self::NoCertificate => say(
                StatusCode::FORBIDDEN,
                Code::CertificateRequired,
                "a collector must show a certificate here, beside its token",
                "give the collector one that --tls-client-ca trusts: [backend] cert_file and key_file",
            ),
            Self::ForeignCertificate { message, remedy } => (StatusCode::FORBIDDEN, Code::ForeignCertificate, message, Some(remedy)),
            Self::UnboundToken => say(
                StatusCode::FORBIDDEN,
                Code::WrongToken,
                "certificates are bound to collectors here, and this token may be any collector's",
                "enrol the collector instead: [backend] enrolment_token, from pganalytics token create NAME --kind enrolment",
            ),
            Self::LocalOnly => say(
                StatusCode::FORBIDDEN,
                Code::Forbidden,
                "this port is for the command line on this machine",
                "ask the backend's own address (--listen), over https",
            ),
            Self::CrossOrigin => say(
                StatusCode::FORBIDDEN,
                Code::CrossOrigin,
                "the request comes from a page of another origin",
                "use the backend's own pages; behind a proxy, pass the Host header on unchanged; programs use a token",
            ),
            Self::NotFound(what) => (StatusCode::NOT_FOUND, Code::NotFound, format!("there is no {what}"), None),
            Self::NoSuchRoute => say(
                StatusCode::NOT_FOUND,
                Code::NotFound,
                "there is nothing under this path",
                "GET /api/v1/openapi.json lists what there is",
            ),
            Self::MethodNotAllowed => say(
                StatusCode::METHOD_NOT_ALLOWED,
                Code::MethodNotAllowed,
                "this path does not take that method",
                "GET /api/v1/openapi.json lists what there is",
            ),
            Self::BadRequest { message, remedy } => (StatusCode::BAD_REQUEST, Code::BadRequest, message, Some(remedy)),
            Self::Conflict { message, remedy } => (StatusCode::CONFLICT, Code::Conflict, message, Some(remedy)),
            Self::UnsupportedMediaType(needed) => say(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Code::UnsupportedMediaType,
                &format!("the body must be {needed}"),
                &format!("send 'Content-Type: {needed}'"),
            ),
            Self::TooLarge(limit) => {
                say(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, &format!("the body has more than {limit} bytes"), "send less at a time")
            }
            Self::Timeout(limit) => say(
                StatusCode::GATEWAY_TIMEOUT,
                Code::Timeout,
                &format!("the request was not done within {} s", limit.as_secs()),
                "try again; if it stays, see the backend's log",
            ),
            Self::Busy(what) => say(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, &format!("too many {what} at a time"), "try again"),
            Self::Sql(error) => sql_parts(error),
            Self::BadBatch(message) => {
                say(StatusCode::BAD_REQUEST, Code::BadBatch, &message, "the collector keeps such a batch aside; see its log")
            }
            Self::UnknownView(message) => say(
                StatusCode::UNPROCESSABLE_ENTITY,
                Code::UnknownView,
                &message,
                "upgrade the backend before its collectors, and give it the same view files",
            ),
            Self::UnknownColumn(message) => say(
                StatusCode::UNPROCESSABLE_ENTITY,
                Code::UnknownColumn,
                &message,
                "upgrade the backend before its collectors, and give it the same view files",
            ),
            Self::Store(error) => {
                tracing::error!(error = format!("{error:#}"), "use the store");
                let remedy =
                    error.downcast_ref::<Remedy>().map_or_else(|| "the backend's log says why; try again later".into(), Remedy::to_string);
                say(StatusCode::SERVICE_UNAVAILABLE, Code::Store, "the store does not take or give data at the moment", &remedy)
            }
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "answer a request");
                say(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "the backend failed", "the backend's log says how")
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts(wait) => Some(*wait),
            Self::Store(_) => Some(RETRY_STORE),
            Self::Sql(error) if error.kind == QueryErrorKind::Store => Some(RETRY_BUSY),
            Self::Busy(_) => Some(RETRY_BUSY),
            Self::Reviewer(_) => Some(RETRY_STORE),
            _ => None,
        }
    }
}

fn credential_parts(error: &CredentialError) -> (StatusCode, ErrorCode, String, Option<String>) {
    use ErrorCode as Code;
    let make_another = "make another: pganalytics token create NAME --kind enrolment";
    let forget = "pganalytics collector forget NAME lets it enrol anew, if it has a good enrolment token";
    let (status, code, remedy) = match error {
        CredentialError::Unknown => {
            (StatusCode::UNAUTHORIZED, Code::CredentialUnknown, "the collector was forgotten here: let it enrol anew")
        }
        CredentialError::Replaced => (StatusCode::UNAUTHORIZED, Code::CredentialReplaced, forget),
        CredentialError::CollectorRevoked => (StatusCode::FORBIDDEN, Code::CollectorRevoked, forget),
        CredentialError::EnrolledOtherwise => (StatusCode::CONFLICT, Code::CollectorEnrolled, forget),
        CredentialError::Taken => {
            (StatusCode::CONFLICT, Code::CredentialTaken, "make the collector's credential from randomness of its own")
        }
        CredentialError::TokenUnknown => (StatusCode::UNAUTHORIZED, Code::EnrolmentTokenUnknown, make_another),
        CredentialError::TokenExpired(_) => (StatusCode::FORBIDDEN, Code::EnrolmentTokenExpired, make_another),
        CredentialError::TokenRevoked => (StatusCode::FORBIDDEN, Code::EnrolmentTokenRevoked, make_another),
        CredentialError::TokenUsedUp(_) => (StatusCode::FORBIDDEN, Code::EnrolmentTokenUsedUp, make_another),
        // Never here: it is `ApiError::Store` from the start.
        CredentialError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Store, "try again later"),
    };
    (status, code, error.to_string(), Some(remedy.to_owned()))
}

fn sql_parts(error: QueryError) -> (StatusCode, ErrorCode, String, Option<String>) {
    let (status, code, remedy) = match error.kind {
        QueryErrorKind::Store => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Store, "the backend's log says why; try again"),
        // Another backend has the same files: no proxy of ours repeats a 500.
        QueryErrorKind::Damaged => {
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::HistoryDamaged, "see what is damaged with pganalytics lake verify")
        }
        QueryErrorKind::Syntax => (StatusCode::BAD_REQUEST, ErrorCode::SqlSyntax, "correct the statement"),
        QueryErrorKind::Plan => (StatusCode::BAD_REQUEST, ErrorCode::SqlPlan, "GET /api/v1/views lists the tables and columns"),
        QueryErrorKind::Forbidden => (StatusCode::BAD_REQUEST, ErrorCode::SqlForbidden, "only one reading statement is taken"),
        QueryErrorKind::Execution => (StatusCode::BAD_REQUEST, ErrorCode::SqlExecution, "correct the statement"),
        // Not 5xx: the same statement will fail again, and a proxy must not retry it.
        QueryErrorKind::Memory => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::SqlMemory, "read a shorter range, or group by less"),
        QueryErrorKind::Deadline => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::SqlDeadline, "read a shorter range"),
    };
    (status, code, error.message, Some(error.hint.unwrap_or_else(|| remedy.to_owned())))
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) | Self::Internal(error) => write!(f, "{error:#}"),
            Self::Sql(error) => write!(f, "{error}"),
            Self::BadRequest { message, remedy } | Self::Conflict { message, remedy } | Self::ForeignCertificate { message, remedy } => {
                write!(f, "{message}; {remedy}")
            }
            Self::BadBatch(message) | Self::UnknownView(message) | Self::UnknownColumn(message) | Self::ForeignCollector(message) => {
                f.write_str(message)
            }
            Self::Credential(error) => write!(f, "{error}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = self.retry_after();
        let position = match &self {
            Self::Sql(QueryError { position: Some(Position { line, column }), .. }) => Some(ErrorPosition { line: *line, column: *column }),
            _ => None,
        };
        let (status, code, message, remedy) = self.parts();
        let mut response = (status, Json(ErrorBody { error: ErrorDetail { code, message, remedy, position } })).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = retry_after {
            // Rounded up: a client that comes back in the same second must not be early.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pganalytics\""));
        }
        response
    }
}

impl From<MetaError> for ApiError {
    fn from(error: MetaError) -> Self {
        match error {
            MetaError::Store(error) => Self::Store(error),
            MetaError::Exists { what, name } => {
                Self::Conflict { message: format!("a {what} '{name}' exists already"), remedy: "choose another name".into() }
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
        Self::BadRequest { message: error.to_string(), remedy: "choose another".into() }
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
