//! Who ships, how far each has come, and what it had to drop.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::auth::Viewer;
use crate::error::ApiError;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(collectors))
}

/// One collector, as its batches describe it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CollectorInfo {
    id: Uuid,
    name: String,
    version: String,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    /// Every batch up to this one is committed.
    sequence: u64,
    /// Rows committed, of all time.
    rows: u64,
    /// Rows it says it had to drop, of all time.
    dropped_rows: u64,
}

/// All collectors, by name.
#[utoipa::path(get, path = "/api/v1/collectors", tag = "query", responses((status = OK, body = Vec<CollectorInfo>)))]
async fn collectors(State(app): State<App>, Viewer(_): Viewer) -> Result<Json<Vec<CollectorInfo>>, ApiError> {
    let collectors = app.lake.meta().collectors().await?;
    let info = collectors.into_iter().map(|collector| CollectorInfo {
        id: collector.id,
        name: collector.name,
        version: collector.version,
        first_seen: collector.first_seen,
        last_seen: collector.last_seen,
        sequence: collector.sequence,
        rows: collector.rows,
        dropped_rows: collector.dropped_rows,
    });
    Ok(Json(info.collect()))
}
