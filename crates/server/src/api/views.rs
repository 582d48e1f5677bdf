//! The tables of SQL.

use axum::Json;
use axum::extract::State;
use pganalytics_views::{Kind, Scope, Type, View};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Viewer;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(views))
}

/// What one reading of a view covers.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ViewScope {
    /// The server: read once.
    Server,
    /// A database: read in each one.
    Database,
    /// The machine.
    Host,
}

/// The kind of a column.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ColumnKind {
    /// A column of every table: `ts`, `server`, `interval_ms`.
    Frame,
    /// Part of the row's key.
    Label,
    /// The increase over the interval. Sum it.
    Counter,
    /// A value at a moment.
    Gauge,
    /// A fact that describes the row.
    Text,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewColumn {
    name: String,
    kind: ColumnKind,
    /// The type's name in PostgreSQL.
    #[schema(example = "float8")]
    r#type: &'static str,
    #[schema(example = "bytes")]
    unit: Option<String>,
    /// The first major version of PostgreSQL that has the column.
    from: u32,
    /// The first major version that no longer has the column.
    until: Option<u32>,
    help: String,
}

/// One table.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewInfo {
    name: String,
    summary: String,
    scope: ViewScope,
    /// The seconds between two snapshots.
    interval_s: f64,
    /// All columns, beginning with `ts`, `server` and `interval_ms`.
    columns: Vec<ViewColumn>,
}

/// All tables, sorted by name.
#[utoipa::path(get, path = "/api/v1/views", tag = "query", responses((status = OK, body = Vec<ViewInfo>)))]
async fn views(State(app): State<App>, Viewer(_): Viewer) -> Json<Vec<ViewInfo>> {
    Json(app.lake.views().tables().into_iter().map(|view| info(view)).collect())
}

fn info(view: &View) -> ViewInfo {
    let frame = |name: &str, r#type, unit: Option<&str>, help: &str| ViewColumn {
        name: name.into(),
        kind: ColumnKind::Frame,
        r#type,
        unit: unit.map(Into::into),
        from: pganalytics_views::OLDEST_VERSION,
        until: None,
        help: help.into(),
    };
    let mut columns = vec![
        frame(pganalytics_views::TS, "timestamptz", None, "The time of the snapshot."),
        frame(pganalytics_views::SERVER, "text", None, "The server's name."),
        frame(pganalytics_views::INTERVAL_MS, "int8", Some("ms"), "The time that the row's counters cover; null for a first snapshot."),
    ];
    columns.extend(view.columns.iter().map(|column| ViewColumn {
        name: column.name.clone(),
        kind: match column.kind {
            Kind::Label => ColumnKind::Label,
            Kind::Counter => ColumnKind::Counter,
            Kind::Gauge => ColumnKind::Gauge,
            Kind::Text => ColumnKind::Text,
        },
        r#type: match column.r#type {
            Type::Bool => "bool",
            Type::Int8 => "int8",
            // In SQL a duration is milliseconds.
            Type::Float8 | Type::Duration => "float8",
            Type::Text => "text",
            Type::Timestamptz => "timestamptz",
        },
        unit: column.unit.clone().or_else(|| (column.r#type == Type::Duration).then(|| "ms".into())),
        from: column.from,
        until: column.until,
        help: column.help.clone(),
    }));
    ViewInfo {
        name: view.name.clone(),
        summary: view.summary.clone(),
        scope: match view.scope {
            Scope::Server => ViewScope::Server,
            Scope::Database => ViewScope::Database,
            Scope::Host => ViewScope::Host,
        },
        interval_s: view.interval.as_secs_f64(),
        columns,
    }
}
