//! The monitored servers as last seen.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use pganalytics_lake::{Server, ServerRole};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::trouble::Trouble;
use crate::app::App;
use crate::auth::Viewer;
use crate::error::ApiError;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(servers))
}

/// The role of a server in its cluster.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum InCluster {
    Primary,
    Standby,
}

/// One monitored server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerInfo {
    name: String,
    /// Null until the first snapshot of the server has arrived.
    up: Option<bool>,
    /// The version of PostgreSQL, as reported by the server.
    #[schema(example = "17.2")]
    version: Option<String>,
    #[schema(example = 170_002)]
    version_num: Option<i64>,
    role: Option<InCluster>,
    /// The same for all servers of a cluster.
    system_identifier: Option<String>,
    host: Option<String>,
    port: Option<i64>,
    postmaster_start_time: Option<DateTime<Utc>>,
    /// Why the server is not up, as reported by the collector.
    error: Option<String>,
    /// The kind of the error and its remedy, if the server is not up.
    trouble: Option<Trouble>,
    /// The collector that reads the server.
    collector: Option<String>,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
}

impl From<Server> for ServerInfo {
    fn from(server: Server) -> Self {
        let role = server.role.map(|role| match role {
            ServerRole::Primary => InCluster::Primary,
            ServerRole::Standby => InCluster::Standby,
        });
        let trouble = match (server.up, &server.error) {
            (Some(false), Some(error)) => Some(Trouble::of(error)),
            _ => None,
        };
        Self {
            name: server.name,
            up: server.up,
            version: server.version,
            version_num: server.version_num,
            role,
            system_identifier: server.system_identifier,
            host: server.host,
            port: server.port,
            postmaster_start_time: server.postmaster_start_time,
            error: server.error,
            trouble,
            collector: server.collector,
            first_seen: server.first_seen,
            last_seen: server.last_seen,
        }
    }
}

/// All servers, sorted by name.
#[utoipa::path(get, path = "/api/v1/servers", tag = "query", responses((status = OK, body = Vec<ServerInfo>)))]
async fn servers(State(app): State<App>, Viewer(_): Viewer) -> Result<Json<Vec<ServerInfo>>, ApiError> {
    Ok(Json(app.lake.meta().servers().await?.into_iter().map(Into::into).collect()))
}
