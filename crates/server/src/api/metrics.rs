//! The backend's own metrics.

use axum::extract::State;
use axum::http::{HeaderName, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::redis::Redis;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// The backend's metrics, for Prometheus. The scraper needs an API token with the role viewer.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = OK, body = String, content_type = "application/openmetrics-text"),
))]
async fn metrics(State(app): State<App>, Viewer(_): Viewer) -> Result<([(HeaderName, &'static str); 1], String), ApiError> {
    let text = app
        .metrics
        .encode(app.lake.stats().await, app.options.tls.as_ref().map(|tls| tls.figures()), app.options.redis.as_ref().map(Redis::failures))
        .map_err(|error| ApiError::Internal(error.into()))?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}
