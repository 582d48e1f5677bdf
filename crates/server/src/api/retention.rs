//! Retention of tables and tiers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::Utc;
use pganalytics_lake::{MAX_RETENTION_DAYS, Retention, RetentionError, RetentionSetting};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use crate::app::App;
use crate::audit;
use crate::auth::{Admin, Viewer};
use crate::error::{ApiError, ErrorBody};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get, put))
}

/// The retention in days. Omitted and null values have their defaults.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RetentionSetting)]
pub(crate) struct SettingBody {
    /// Rows as collected. The default is `--retention`.
    #[schema(minimum = 1, maximum = 36525)]
    raw: Option<u32>,
    /// Rollups of five minutes: the tables whose names end in `_5m`.
    #[serde(rename = "5m")]
    #[schema(minimum = 1, maximum = 36525)]
    five_minutes: Option<u32>,
    /// Rollups of an hour: the tables whose names end in `_1h`.
    #[serde(rename = "1h")]
    #[schema(minimum = 1, maximum = 36525)]
    hour: Option<u32>,
    /// Tables without rollups: settings, statement texts.
    #[schema(minimum = 1, maximum = 36525)]
    facts: Option<u32>,
    /// Single tables by name. They override the tiers.
    #[schema(example = json!({"pg_stat_activity": 7}))]
    tables: BTreeMap<String, u32>,
}

/// The days in effect for each tier.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetentionDays {
    raw: u32,
    #[serde(rename = "5m")]
    five_minutes: u32,
    #[serde(rename = "1h")]
    hour: u32,
    facts: u32,
}

/// The setting, and the days in effect.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetentionInfo {
    setting: SettingBody,
    days: RetentionDays,
}

impl From<Retention> for RetentionInfo {
    fn from(Retention { setting, days }: Retention) -> Self {
        let RetentionSetting { raw, five_minutes, hour, facts, tables } = setting;
        Self {
            setting: SettingBody { raw, five_minutes, hour, facts, tables },
            days: RetentionDays { raw: days.raw, five_minutes: days.five_minutes, hour: days.hour, facts: days.facts },
        }
    }
}

/// The retention of the history.
#[utoipa::path(get, path = "/api/v1/settings/retention", tag = "administration", operation_id = "get_retention",
    responses((status = OK, body = RetentionInfo)))]
async fn get(State(app): State<App>, Viewer(_): Viewer) -> Result<Json<RetentionInfo>, ApiError> {
    Ok(Json(app.lake.retention().await.map_err(ApiError::Store)?.into()))
}

/// Replaces the whole retention setting. Every backend applies it at its next run, and then deletes older rows permanently.
#[utoipa::path(put, path = "/api/v1/settings/retention", tag = "administration", operation_id = "set_retention",
    request_body = SettingBody, responses(
    (status = OK, body = RetentionInfo),
    (status = BAD_REQUEST, description = "A table is unknown, or a number of days is invalid", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
))]
async fn put(
    State(app): State<App>,
    Admin(admin): Admin,
    JsonBody(SettingBody { raw, five_minutes, hour, facts, tables }): JsonBody<SettingBody>,
) -> Result<Json<RetentionInfo>, ApiError> {
    let setting = RetentionSetting { raw, five_minutes, hour, facts, tables };
    app.lake.set_retention(&setting, Utc::now()).await.map_err(|error| match error {
        RetentionError::Meta(error) => error.into(),
        RetentionError::Days { .. } => ApiError::BadRequest {
            message: error.to_string(),
            remedy: format!("give a number of days from 1 to {MAX_RETENTION_DAYS}, or null for the default"),
        },
        RetentionError::Table { .. } => {
            ApiError::BadRequest { message: error.to_string(), remedy: "GET /api/v1/views lists the tables".into() }
        }
    })?;
    let retention = app.lake.retention().await.map_err(ApiError::Store)?;
    tracing::info!(
        target: audit::TARGET, { retention.raw_days = retention.days.raw,
        retention.rollup_5m_days = retention.days.five_minutes,
        retention.rollup_1h_days = retention.days.hour,
        retention.facts_days = retention.days.facts,
        retention.tables = retention.setting.tables.len(),
        by = admin.name() }, "changed the retention"
    );
    Ok(Json(retention.into()))
}
