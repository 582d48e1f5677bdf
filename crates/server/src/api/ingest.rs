//! Batches of collectors.
//!
//! The status tells the collector what to do with the batch. 200: delete it. 400: set it aside. 401 and 403: keep it until a person has fixed the
//! credentials. 503: retry soon.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use pganalytics_lake::{Ack, CredentialError, IngestError, RowsError, Sender};
use pganalytics_views::{clock, wire};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::body;
use crate::app::App;
use crate::auth::{Shipper, origin};
use crate::error::{ApiError, ErrorBody};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ingest))
}

/// The batch is committed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    collector: Uuid,
    sequence: u64,
    /// The batch had already been committed. Nothing changed.
    duplicate: bool,
    /// Rows in the batch.
    rows: u64,
    /// The collector's newest committed batch, if this batch is older.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<u64>,
    /// The views and columns that this backend does not know. Their rows are kept for a backend that knows them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// Ships one batch.
///
/// The status 200 means that the batch is on disk and visible to SQL. A batch that was committed before is acknowledged again. A
/// collector's own credential is valid for that collector's batches only. The header `pganalytics-sent-at` (microseconds since the epoch)
/// distinguishes a wrong clock from a batch that has waited; `pganalytics-waited-ms` is the time that the batch has waited, by a clock that nobody
/// sets. Times of a wrong clock are moved to the backend's clock.
#[utoipa::path(post, path = "/api/v1/ingest", tag = "ingest", security(("token" = [])),
    request_body(content = Vec<u8>, content_type = "application/vnd.pganalytics.batch"), responses(
    (status = OK, body = Accepted),
    (status = BAD_REQUEST, description = "Not a batch, or a damaged batch: set it aside", body = ErrorBody),
    (status = CONFLICT, description = "The batch's number is too far above the collector's newest batch: ask an admin", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The batch is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The media type is not that of a batch", body = ErrorBody),
))]
async fn ingest(
    State(app): State<App>,
    Shipper { name, credential, token, is_bound }: Shipper,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Accepted>, ApiError> {
    if !origin::is(&headers, wire::CONTENT_TYPE) {
        return Err(ApiError::UnsupportedMediaType(wire::CONTENT_TYPE));
    }
    let bytes = body::read(body, wire::Limits::default().encoded).await?;
    let size = bytes.len();
    // An invalid time is ignored: the batch is more important.
    let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let sent_at_us = number(clock::SENT_AT).and_then(|value| value.parse().ok());
    let waited_ms = number(clock::WAITED).and_then(|value| value.parse().ok());
    let sender = Sender {
        token,
        only: credential.map(|credential| credential.collector),
        name: is_bound.then(|| name.clone()),
        sent_at_us,
        waited_ms,
    };
    match app.lake.ingest_from(&sender, bytes).await {
        Ok(Ack { collector, sequence, duplicate, rows, mark, unknown }) => {
            if sequence < mark {
                app.metrics.batch("behind");
            } else if duplicate {
                app.metrics.batch("duplicate");
            } else {
                app.metrics.accepted(rows, size);
            }
            tracing::debug!(collector.id = %collector, batch.sequence = sequence, batch.rows = rows, batch.bytes = size, duplicate, "committed a batch");
            Ok(Json(Accepted { collector, sequence, duplicate, rows, mark: (sequence < mark).then_some(mark), unknown }))
        }
        Err(error) => {
            let (outcome, answer) = refusal(error);
            app.metrics.batch(outcome);
            if let ApiError::BadBatch(message)
            | ApiError::ForeignCollector(message)
            | ApiError::SharedToken(message)
            | ApiError::BoundCollector(message)
            | ApiError::SequenceLeap(message)
            | ApiError::ForeignCertificate { message, .. } = &answer
            {
                tracing::warn!(token.name = name, batch.bytes = size, reason = message, "batch refused");
            }
            Err(answer)
        }
    }
}

fn refusal(error: IngestError) -> (&'static str, ApiError) {
    match error {
        IngestError::Wire(_) | IngestError::Rows(RowsError::Malformed { .. }) => ("malformed", ApiError::BadBatch(error.to_string())),
        IngestError::Foreign { .. } => ("foreign", ApiError::ForeignCollector(error.to_string())),
        IngestError::Enrolled(_) => ("foreign", ApiError::SharedToken(error.to_string())),
        IngestError::Bound { .. } => ("foreign", ApiError::BoundCollector(error.to_string())),
        IngestError::Leap { .. } => ("leap", ApiError::SequenceLeap(error.to_string())),
        IngestError::Renamed { ref own, .. } => {
            let remedy = format!(
                "certificates are bound to names here: restore [collector] name, or let the collector enrol again (pganalytics collector forget {own})"
            );
            ("foreign", ApiError::ForeignCertificate { message: error.to_string(), remedy })
        }
        IngestError::Revoked(_) => ("revoked", CredentialError::CollectorRevoked.into()),
        IngestError::Store(error) => ("store", ApiError::Store(error.context("store a batch"))),
    }
}
