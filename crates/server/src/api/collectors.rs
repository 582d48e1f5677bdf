//! Collectors: their progress and state; revoking and forgetting them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use pganalytics_lake::{Collector, CredentialState};
use pganalytics_views::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::body::{JsonBody, PathOf};
use crate::app::App;
use crate::audit;
use crate::auth::{Admin, Viewer};
use crate::error::{ApiError, ErrorBody};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(collectors)).routes(routes!(revoke)).routes(routes!(forget)).routes(routes!(reset_mark))
}

/// A collector, as described by its batches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CollectorInfo {
    id: Uuid,
    name: String,
    version: String,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    /// All batches up to this one are committed.
    sequence: u64,
    /// All rows committed so far.
    rows: u64,
    /// All rows that the collector reported as dropped so far.
    dropped_rows: u64,
    /// When it last reported dropped rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_dropped: Option<DateTime<Utc>>,
    /// How long its newest batch had waited when it arrived, in milliseconds; absent if the collector does not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_ms: Option<u64>,
    /// How far its clock is ahead of the backend's, in milliseconds; negative if it is behind, absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_skew_ms: Option<i64>,
    /// Whether its clock is so wrong that the times of its rows are moved to the backend's clock.
    clock_wrong: bool,
    /// All rows so far whose times were moved to the backend's clock.
    moved_rows: u64,
    /// When rows were last moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_moved: Option<DateTime<Utc>>,
    credential: CredentialInfo,
    /// Absent if the collector does not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<CollectorStatus>,
}

/// The credential that a collector uses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialInfo {
    kind: CredentialKind,
    /// When the credential was first used, or revoked; absent for a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CredentialKind {
    /// A token that other collectors may use, too.
    Token,
    /// The collector's own credential.
    Own,
    /// None: an admin revoked the collector.
    Revoked,
}

/// The state of a collector when it closed its newest batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CollectorStatus {
    started: DateTime<Utc>,
    /// Batches that waited in the spool.
    spool_batches: u64,
    spool_bytes: u64,
    /// The servers that the collector is configured to read.
    targets: u64,
    /// The servers that answered.
    targets_up: u64,
    /// The latest shipping error. It stays after shipping works again.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error_at: Option<DateTime<Utc>>,
}

impl From<Collector> for CollectorInfo {
    fn from(collector: Collector) -> Self {
        let time = |us: i64| DateTime::from_timestamp_micros(us).unwrap_or_default();
        let (kind, since) = match collector.credential {
            CredentialState::Token => (CredentialKind::Token, None),
            CredentialState::Own(since) => (CredentialKind::Own, Some(since)),
            CredentialState::Revoked(since) => (CredentialKind::Revoked, Some(since)),
        };
        Self {
            id: collector.id,
            name: collector.name,
            version: collector.version,
            first_seen: collector.first_seen,
            last_seen: collector.last_seen,
            sequence: collector.sequence,
            rows: collector.rows,
            dropped_rows: collector.dropped_rows,
            last_dropped: collector.last_dropped,
            lag_ms: collector.lag_ms,
            clock_skew_ms: collector.skew_us.map(|skew| skew / 1_000),
            clock_wrong: collector.skew_us.is_some_and(clock::is_marked),
            moved_rows: collector.moved_rows,
            last_moved: collector.last_moved,
            credential: CredentialInfo { kind, since },
            status: collector.status.map(|status| CollectorStatus {
                started: time(status.started_us),
                spool_batches: status.spool_batches,
                spool_bytes: status.spool_bytes,
                targets: status.targets,
                targets_up: status.targets_up,
                last_error: status.last_error,
                last_error_at: status.last_error_us.map(time),
            }),
        }
    }
}

/// All collectors that are not forgotten, sorted by name.
#[utoipa::path(get, path = "/api/v1/collectors", tag = "query", responses((status = OK, body = Vec<CollectorInfo>)))]
async fn collectors(State(app): State<App>, Viewer(_): Viewer) -> Result<Json<Vec<CollectorInfo>>, ApiError> {
    Ok(Json(app.lake.meta().collectors().await?.into_iter().map(Into::into).collect()))
}

/// Revokes a collector immediately.
///
/// The backend refuses all its batches, whatever credential it uses, until the collector is forgotten. The collector keeps its batches.
#[utoipa::path(post, path = "/api/v1/collectors/{id}/revoke", tag = "administration", operation_id = "revoke_collector",
    params(("id" = Uuid, Path, description = "The collector's id")), responses(
    (status = NO_CONTENT, description = "Revoked"),
    (status = NOT_FOUND, description = "There is no such collector, or it is already revoked", body = ErrorBody),
))]
async fn revoke(State(app): State<App>, Admin(admin): Admin, PathOf(id): PathOf<Uuid>) -> Result<StatusCode, ApiError> {
    if !app.lake.meta().revoke_collector(id, Utc::now()).await? {
        return Err(ApiError::NotFound(format!("collector {id} that is not revoked")));
    }
    tracing::info!(target: audit::TARGET, { collector.id = %id, by = admin.name() }, "revoked a collector");
    Ok(StatusCode::NO_CONTENT)
}

/// A collector's new mark.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMark {
    /// Every batch above this number is new; every other batch is a duplicate.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    sequence: u64,
}

/// The highest mark: every program can read it from JSON.
const HIGHEST_MARK: u64 = (1 << 53) - 1;

/// Sets a collector's mark.
///
/// For a mark that a batch of somebody else moved. The collector's log states the number: the last batch that the collector shipped itself. With
/// a lower number, batches that are committed already are stored twice if the collector ships them again. Also releases the collector from its shared
/// token.
#[utoipa::path(post, path = "/api/v1/collectors/{id}/mark", tag = "administration", operation_id = "reset_mark",
    params(("id" = Uuid, Path, description = "The collector's id")), request_body = NewMark, responses(
    (status = NO_CONTENT, description = "Set"),
    (status = BAD_REQUEST, description = "The number is too large", body = ErrorBody),
    (status = NOT_FOUND, description = "There is no such collector", body = ErrorBody),
))]
async fn reset_mark(
    State(app): State<App>,
    Admin(admin): Admin,
    PathOf(id): PathOf<Uuid>,
    JsonBody(NewMark { sequence }): JsonBody<NewMark>,
) -> Result<StatusCode, ApiError> {
    if sequence > HIGHEST_MARK {
        let message = format!("the mark {sequence} is above {HIGHEST_MARK}");
        return Err(ApiError::BadRequest { message, remedy: "use the number in the collector's log".into() });
    }
    let before = app.lake.meta().reset_mark(id, sequence).await?.ok_or_else(|| ApiError::NotFound(format!("collector {id}")))?;
    tracing::info!(
        target: audit::TARGET,
        { collector.id = %id, by = admin.name(), mark.before = before, mark.after = sequence },
        "set a collector's mark"
    );
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a collector's credentials and revocation, and releases it from its shared token.
///
/// The collector is not listed until it ships again, and may enrol again. Its rows stay.
#[utoipa::path(delete, path = "/api/v1/collectors/{id}", tag = "administration", operation_id = "forget_collector",
    params(("id" = Uuid, Path, description = "The collector's id")), responses(
    (status = NO_CONTENT, description = "Forgotten"),
    (status = NOT_FOUND, description = "There is no such collector", body = ErrorBody),
))]
async fn forget(State(app): State<App>, Admin(admin): Admin, PathOf(id): PathOf<Uuid>) -> Result<StatusCode, ApiError> {
    if !app.lake.meta().forget_collector(id, Utc::now()).await? {
        return Err(ApiError::NotFound(format!("collector {id}")));
    }
    tracing::info!(target: audit::TARGET, { collector.id = %id, by = admin.name() }, "forgot a collector");
    Ok(StatusCode::NO_CONTENT)
}
