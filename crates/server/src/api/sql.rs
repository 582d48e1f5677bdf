//! SQL queries of the history.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use pganalytics_lake::{Answer, Purpose as LakePurpose, Query, QueryErrorKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use crate::app::App;
use crate::audit;
use crate::auth::{Principal, Viewer};
use crate::error::{ApiError, ErrorBody};
use crate::render;

/// The header of a response in any format that was cut because there were more rows.
pub(crate) const TRUNCATED: HeaderName = HeaderName::from_static("x-pganalytics-truncated");

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sql))
}

/// The format of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// JSON, as in `Rows`.
    #[default]
    Json,
    /// Comma-separated values with a header line.
    Csv,
    /// One Arrow IPC stream.
    Arrow,
}

/// What the statement is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Purpose {
    /// A page of the web UI. Only logged-in users may ask for pages; a token's statements count as `console`.
    Page,
    /// A person or a program. Consoles wait while others of the same caller run, and leave cores, memory and disk to pages.
    #[default]
    Console,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    /// One statement that only reads, in PostgreSQL's SQL; docs/sql.md says how the dialect differs.
    #[schema(example = "select server, sum(xact_commit) from pg_stat_database where ts > now() - interval '1 hour' group by server")]
    query: String,
    #[serde(default)]
    format: Format,
    /// Values of `$name` in the statement: strings, numbers, booleans or null.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Value>)]
    parameters: BTreeMap<String, serde_json::Value>,
    /// The most rows of the response, by default 10,000. The backend's own limit applies, too.
    max_rows: Option<usize>,
    /// What the statement is for.
    #[serde(default)]
    purpose: Purpose,
}

/// A cell or a parameter.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents what `render` writes")]
pub(crate) enum Value {
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<serde_json::Value>),
    Null,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Rows {
    columns: Vec<ResultColumn>,
    /// One array for each row, in the order of the columns. Timestamps are RFC 3339 in UTC; integers and numerics beyond ±2^53 are strings;
    /// NaN and infinities are null.
    rows: Vec<Vec<Option<Value>>>,
    /// Whether rows were left out because there were too many.
    truncated: bool,
    /// The duration of the query, without sending the response.
    elapsed_ms: f64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ResultColumn {
    name: String,
    /// The type's name in PostgreSQL.
    #[schema(example = "float8")]
    r#type: String,
}

/// Runs one SQL statement.
#[utoipa::path(post, path = "/api/v1/sql", tag = "query", request_body = Statement, responses(
    (status = OK, description = "The rows, in the requested format", content(
        (Rows = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"),
    ), headers(("x-pganalytics-truncated" = bool, description = "true if rows were left out because there were too many; otherwise absent"))),
    (status = BAD_REQUEST, description = "The statement has an error; `position` is its place", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The statement exceeds its memory or time limit", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
    (status = SERVICE_UNAVAILABLE, description = "The store does not answer, or earlier statements cannot be stopped", body = ErrorBody),
    (status = INTERNAL_SERVER_ERROR, description = "A file of the history is damaged or missing, or an internal error; the backend's log has the cause", body = ErrorBody),
))]
async fn sql(
    State(app): State<App>,
    Viewer(viewer): Viewer,
    JsonBody(Statement { query, format, parameters, max_rows, purpose }): JsonBody<Statement>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    if app.options.audit_statements {
        // Logged before it runs, so that a statement that crashes the backend is logged, too.
        tracing::info!(target: audit::TARGET, { statement = audit::statement(&query), by = viewer.name() }, "query");
    }
    let purpose = match (purpose, &viewer) {
        (Purpose::Page, Principal::User { .. }) => LakePurpose::Page,
        _ => LakePurpose::Console,
    };
    let answer = app.lake.query(Query { sql: query, parameters, max_rows, caller: Some(viewer.caller()), purpose }).await;
    app.metrics.query(answer.as_ref().map_or_else(|error| outcome(error.kind), |_| "answered"), started.elapsed());
    let answer = answer?;
    let truncated = answer.truncated;
    let (body, media_type) = tokio::task::spawn_blocking(move || rendered(&answer, format))
        .await
        .map_err(|error| ApiError::Internal(error.into()))?
        .map_err(|error| ApiError::Internal(anyhow::Error::new(error).context("render an answer")))?;
    let pieces = render::pieces(body).map(Ok::<_, std::convert::Infallible>);
    let mut response = (
        [(header::CONTENT_TYPE, HeaderValue::from_static(media_type)), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
        Body::from_stream(futures::stream::iter(pieces)),
    )
        .into_response();
    if truncated {
        response.headers_mut().insert(TRUNCATED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn rendered(answer: &Answer, format: Format) -> Result<(Vec<u8>, &'static str), arrow::error::ArrowError> {
    let Answer { schema, batches, truncated, elapsed } = answer;
    Ok(match format {
        Format::Json => (render::json(schema, batches, *truncated, *elapsed)?, "application/json"),
        Format::Csv => (render::csv(schema, batches)?, "text/csv; charset=utf-8"),
        Format::Arrow => (render::arrow_stream(schema, batches)?, "application/vnd.apache.arrow.stream"),
    })
}

/// The outcome of a failed query, as the label of a metric.
fn outcome(kind: QueryErrorKind) -> &'static str {
    match kind {
        QueryErrorKind::Syntax | QueryErrorKind::Plan | QueryErrorKind::Forbidden => "refused",
        QueryErrorKind::Memory => "memory",
        QueryErrorKind::Deadline => "deadline",
        QueryErrorKind::Execution => "failed",
        QueryErrorKind::Damaged => "damaged",
        QueryErrorKind::Store => "store",
        QueryErrorKind::Busy => "busy",
    }
}
