//! Health: for people (`/api/v1/health`), and for Kubernetes and load balancers (`/livez`, `/readyz`).

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use pganalytics_lake::Remedy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, VERSION};

/// The time limit of the readiness check. Probes usually wait for a second.
const READY_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(live)).routes(routes!(ready))
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: String,
    /// The backend's version.
    #[schema(example = "0.1.0")]
    version: String,
    /// The backend's clock.
    timestamp: DateTime<Utc>,
}

/// The version and the clock.
#[utoipa::path(get, path = "/api/v1/health", tag = "health", security(()), responses((status = OK, body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok".into(), version: VERSION.into(), timestamp: Utc::now() })
}

/// Whether the process runs.
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses((status = OK, body = String, content_type = "text/plain")))]
async fn live() -> &'static str {
    "ok\n"
}

/// Whether the backend is ready for requests: the meta store answers, the data folder is writable, and the backend is not shutting down.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = OK, body = String, content_type = "text/plain"),
    (status = SERVICE_UNAVAILABLE, description = "Not ready, with the reason", body = String, content_type = "text/plain"),
))]
async fn ready(State(app): State<App>) -> (StatusCode, Cow<'static, str>) {
    if app.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".into());
    }
    match tokio::time::timeout(READY_WITHIN, app.lake.check()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n".into()),
        Ok(Err(error)) => {
            tracing::warn!(error = format!("{error:#}"), "not ready");
            let remedy = error.downcast_ref::<Remedy>().map_or_else(|| "the log has the cause".into(), Remedy::to_string);
            (StatusCode::SERVICE_UNAVAILABLE, format!("the store is unavailable: {remedy}\n").into())
        }
        Err(_) => {
            tracing::warn!(timeout_ms = READY_WITHIN.as_millis() as u64, "not ready: the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n".into())
        }
    }
}
