//! The status, code, message and remedy of each error.

use axum::http::StatusCode;
use pganalytics_lake::{Remedy, TokenKind};

use super::body::ErrorCode as Code;
use super::{ApiError, credential, query};

/// Status, code, message and remedy.
type Answer = (StatusCode, Code, String, Option<String>);

impl ApiError {
    pub(super) fn answer(self) -> Answer {
        use StatusCode as Status;
        match self {
            Self::Unauthenticated => answer(
                Status::UNAUTHORIZED,
                Code::Unauthenticated,
                "log in first, or send a token that is neither expired nor revoked",
                "log in, or send 'Authorization: Bearer <token>'",
            ),
            Self::BadCredentials => answer(
                Status::UNAUTHORIZED,
                Code::BadCredentials,
                "wrong user name or password, or the user is disabled",
                "try again, or ask an admin to set a new password (pganalytics user password NAME)",
            ),
            Self::TooManyAttempts(wait) => answer(
                Status::TOO_MANY_REQUESTS,
                Code::TooManyAttempts,
                "too many failed attempts",
                format!("try again in {} s", wait.as_secs().max(1)),
            ),
            Self::Forbidden(role) => answer(
                Status::FORBIDDEN,
                Code::Forbidden,
                format!("this requires the role {role}"),
                "ask an admin for the role, or to do this for you",
            ),
            Self::WrongToken(kind) => wrong_token(kind),
            Self::EnrolmentToken => wrong_token(TokenKind::Enrolment),
            Self::ServiceAccount(name) => answer(
                Status::FORBIDDEN,
                Code::Forbidden,
                format!("ServiceAccount {name} may not enrol collectors here"),
                "add it to --kubernetes-collectors, as namespace/name",
            ),
            Self::ServiceAccountToken => answer(
                Status::UNAUTHORIZED,
                Code::Unauthenticated,
                "the Kubernetes API does not accept this ServiceAccount token",
                "mount a projected token with the audience pganalytics-backend, and name its file as [backend] enrolment_token_file",
            ),
            Self::Reviewer(error) => {
                tracing::error!(error, "ask the Kubernetes API to review a ServiceAccount token");
                answer(
                    Status::SERVICE_UNAVAILABLE,
                    Code::Busy,
                    "the Kubernetes API cannot review the ServiceAccount token at the moment",
                    "the backend's log has the cause; try again later",
                )
            }
            Self::Credential(error) => credential::answer(&error),
            Self::ForeignCollector(message) => answer(
                Status::FORBIDDEN,
                Code::ForeignCollector,
                message,
                "each collector has its own spool folder and credential: do not copy either to another machine",
            ),
            Self::SharedToken(message) => answer(
                Status::FORBIDDEN,
                Code::CollectorEnrolled,
                message,
                "remove token and token_file from the collector's [backend]; to give up its credential: pganalytics collector forget NAME",
            ),
            Self::BoundCollector(message) => answer(
                Status::FORBIDDEN,
                Code::CollectorBound,
                message,
                "if the token was replaced, revoke the old one (pganalytics token revoke NAME), or release the collector (pganalytics collector \
                 forget NAME); if not, somebody else ships as this collector",
            ),
            Self::SequenceLeap(message) => answer(
                Status::CONFLICT,
                Code::SequenceLeap,
                message,
                "if the batch is really this collector's: pganalytics collector reset-mark NAME NUMBER, with the number before the batch's",
            ),
            Self::NoCertificate => answer(
                Status::FORBIDDEN,
                Code::CertificateRequired,
                "collectors must show a client certificate here, in addition to the token",
                "give the collector a certificate that --tls-client-ca trusts: [backend] cert_file and key_file",
            ),
            Self::ForeignCertificate { message, remedy } => answer(Status::FORBIDDEN, Code::ForeignCertificate, message, remedy),
            Self::UnboundToken => answer(
                Status::FORBIDDEN,
                Code::WrongToken,
                "certificates are bound to collectors here, but this token is not for one collector only",
                "enrol the collector instead: [backend] enrolment_token, from pganalytics token create NAME --kind enrolment",
            ),
            Self::LocalOnly => answer(
                Status::FORBIDDEN,
                Code::Forbidden,
                "this port is only for the command line on this machine",
                "use the backend's own address (--listen), with https",
            ),
            Self::CrossOrigin => answer(
                Status::FORBIDDEN,
                Code::CrossOrigin,
                "the request comes from a page of another origin",
                "use the backend's own pages; a proxy must pass the Host header on unchanged; programs use a token",
            ),
            Self::NotFound(what) => (Status::NOT_FOUND, Code::NotFound, format!("there is no {what}"), None),
            Self::NoSuchRoute => answer(Status::NOT_FOUND, Code::NotFound, "no such path", "GET /api/v1/openapi.json lists the paths"),
            Self::MethodNotAllowed => answer(
                Status::METHOD_NOT_ALLOWED,
                Code::MethodNotAllowed,
                "this path does not allow that method",
                "GET /api/v1/openapi.json lists the methods of each path",
            ),
            Self::BadRequest { message, remedy } => answer(Status::BAD_REQUEST, Code::BadRequest, message, remedy),
            Self::Conflict { message, remedy } => answer(Status::CONFLICT, Code::Conflict, message, remedy),
            Self::UnsupportedMediaType(needed) => answer(
                Status::UNSUPPORTED_MEDIA_TYPE,
                Code::UnsupportedMediaType,
                format!("the body must be {needed}"),
                format!("send 'Content-Type: {needed}'"),
            ),
            Self::TooLarge(limit) => {
                answer(Status::PAYLOAD_TOO_LARGE, Code::TooLarge, format!("the body has more than {limit} bytes"), "send less at a time")
            }
            Self::Timeout(limit) => answer(
                Status::GATEWAY_TIMEOUT,
                Code::Timeout,
                format!("the request took longer than {} s", limit.as_secs()),
                "try again; if this happens again, see the backend's log",
            ),
            Self::Busy(what) => answer(Status::SERVICE_UNAVAILABLE, Code::Busy, format!("too many concurrent {what}"), "try again"),
            Self::Sql(error) => query::answer(error),
            Self::BadBatch(message) => {
                answer(Status::BAD_REQUEST, Code::BadBatch, message, "the collector sets such a batch aside; see its log")
            }
            Self::Store(error) => {
                tracing::error!(error = format!("{error:#}"), "use the store");
                let remedy = match error.downcast_ref::<Remedy>() {
                    Some(remedy) => remedy.to_string(),
                    None => "the backend's log has the cause; try again later".into(),
                };
                answer(Status::SERVICE_UNAVAILABLE, Code::Store, "the store cannot read or write data at the moment", remedy)
            }
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "answer a request");
                answer(Status::INTERNAL_SERVER_ERROR, Code::Internal, "internal error", "the backend's log has the cause")
            }
        }
    }
}

fn wrong_token(needed: TokenKind) -> Answer {
    let (message, remedy) = match needed {
        TokenKind::Enrolment => (
            "an enrolment token can only be exchanged for a credential",
            "give it to the collector as [backend] enrolment_token; for scripts create an API token: pganalytics token create NAME --kind api",
        ),
        TokenKind::Collector => ("only a collector's token may ship batches", "create one: pganalytics token create NAME --kind collector"),
        TokenKind::Api => (
            "a collector's token may only ship batches",
            "log in, or create an API token: pganalytics token create NAME --kind api --role viewer",
        ),
    };
    answer(StatusCode::FORBIDDEN, Code::WrongToken, message, remedy)
}

fn answer(status: StatusCode, code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Answer {
    (status, code, message.into(), Some(remedy.into()))
}
