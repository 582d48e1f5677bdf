//! Errors of SQL statements.

use axum::http::StatusCode;
use pganalytics_lake::{QueryError, QueryErrorKind};

use super::body::ErrorCode as Code;

pub(super) fn answer(error: QueryError) -> (StatusCode, Code, String, Option<String>) {
    let (status, code, remedy) = match error.kind {
        QueryErrorKind::Store => (StatusCode::SERVICE_UNAVAILABLE, Code::Store, "the backend's log has the cause; try again"),
        QueryErrorKind::Busy => (StatusCode::SERVICE_UNAVAILABLE, Code::Busy, "try again later"),
        // Not 503: other backends have the same files, so a proxy need not try another one.
        QueryErrorKind::Damaged => {
            (StatusCode::INTERNAL_SERVER_ERROR, Code::HistoryDamaged, "pganalytics lake verify shows what is damaged")
        }
        QueryErrorKind::Syntax => (StatusCode::BAD_REQUEST, Code::SqlSyntax, "correct the statement"),
        QueryErrorKind::Plan => (StatusCode::BAD_REQUEST, Code::SqlPlan, "GET /api/v1/views lists the tables and columns"),
        QueryErrorKind::Forbidden => (StatusCode::BAD_REQUEST, Code::SqlForbidden, "send one statement that only reads"),
        QueryErrorKind::Execution => (StatusCode::BAD_REQUEST, Code::SqlExecution, "correct the statement"),
        // Not 5xx: the same statement would fail again, so a proxy must not retry it.
        QueryErrorKind::Memory => (StatusCode::UNPROCESSABLE_ENTITY, Code::SqlMemory, "read a shorter range, or group by fewer columns"),
        QueryErrorKind::Deadline => (StatusCode::UNPROCESSABLE_ENTITY, Code::SqlDeadline, "read a shorter range"),
    };
    (status, code, error.message, Some(error.hint.unwrap_or_else(|| remedy.to_owned())))
}
