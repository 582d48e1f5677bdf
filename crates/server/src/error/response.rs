//! The HTTP response of an error.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pganalytics_lake::{Position, QueryError, QueryErrorKind};

use super::ApiError;
use super::body::{ErrorBody, ErrorCode, ErrorDetail, ErrorPosition};

/// When a client may try again after a failure of the store.
const RETRY_STORE: Duration = Duration::from_secs(5);
/// When a client may try again after an overload.
const RETRY_BUSY: Duration = Duration::from_secs(1);

/// The error of a response, as an extension of the response: for the audit log and the metrics.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = retry_after(&self);
        let position = match &self {
            Self::Sql(QueryError { position: Some(Position { line, column }), .. }) => Some(ErrorPosition { line: *line, column: *column }),
            _ => None,
        };
        let (status, code, message, remedy) = self.answer();
        let problem = Problem { code, message: message.clone() };
        let mut response = (status, Json(ErrorBody { error: ErrorDetail { code, message, remedy, position } })).into_response();
        response.extensions_mut().insert(problem);
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = retry_after {
            // Rounded up: a client that returns in the same second must not be too early.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pganalytics\""));
        }
        response
    }
}

fn retry_after(error: &ApiError) -> Option<Duration> {
    match error {
        ApiError::TooManyAttempts(wait) => Some(*wait),
        ApiError::Store(_) | ApiError::Reviewer(_) => Some(RETRY_STORE),
        ApiError::Sql(error) if error.kind == QueryErrorKind::Store => Some(RETRY_BUSY),
        ApiError::Busy(_) => Some(RETRY_BUSY),
        _ => None,
    }
}
