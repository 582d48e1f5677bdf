//! A lake in a temporary folder, two small views, and rows for them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use pganalytics_lake::arrow::util::pretty::pretty_format_batches;
use pganalytics_lake::{Ack, IngestError, Lake, LakeOptions, Query, QueryError};
use pganalytics_views::wire::{Header, Limits, encode};
use pganalytics_views::{ViewSet, schema};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const STATEMENTS: &str = r#"
name = "pg_stat_statements"
summary = "Statements."
scope = "server"
source = "probe"
interval = "60s"
[[columns]]
name = "datname"
kind = "label"
type = "text"
help = "Database."
[[columns]]
name = "queryid"
kind = "label"
type = "int8"
help = "Statement."
[[columns]]
name = "calls"
kind = "counter"
type = "int8"
help = "Calls."
[[columns]]
name = "total_exec_time"
kind = "counter"
type = "duration"
help = "Time."
[[columns]]
name = "load"
kind = "gauge"
type = "float8"
help = "Load."
[[columns]]
name = "toplevel"
kind = "gauge"
type = "bool"
help = "Whether."
"#;

const LATER: &str = r#"
[[columns]]
name = "wal_bytes"
kind = "counter"
type = "int8"
help = "WAL."
"#;

pub(crate) const SERVERS: &str = r#"
name = "pganalytics_server"
summary = "Servers."
scope = "server"
source = "probe"
interval = "10s"
ship = "always"
[[columns]]
name = "up"
kind = "gauge"
type = "bool"
help = "Up."
[[columns]]
name = "in_recovery"
kind = "gauge"
type = "bool"
help = "Standby."
[[columns]]
name = "version"
kind = "text"
type = "text"
help = "Version."
[[columns]]
name = "port"
kind = "gauge"
type = "int8"
help = "Port."
"#;

pub(crate) fn views() -> ViewSet {
    ViewSet::from_files([
        ("pg_stat_statements.toml".to_owned(), STATEMENTS.to_owned()),
        ("pganalytics_server.toml".to_owned(), SERVERS.to_owned()),
    ])
    .unwrap()
}

/// The views of a later version: a column more.
pub(crate) fn later_views() -> ViewSet {
    ViewSet::from_files([
        ("pg_stat_statements.toml".to_owned(), format!("{STATEMENTS}{LATER}")),
        ("pganalytics_server.toml".to_owned(), SERVERS.to_owned()),
    ])
    .unwrap()
}

/// One row of `pg_stat_statements`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) ts: i64,
    pub(crate) server: String,
    pub(crate) datname: Option<String>,
    pub(crate) queryid: Option<i64>,
    pub(crate) calls: Option<i64>,
    pub(crate) nanoseconds: Option<i64>,
    pub(crate) load: Option<f64>,
    pub(crate) toplevel: Option<bool>,
}

/// A day in the past, so that it is over, and not so long ago that it expires.
pub(crate) fn noon() -> DateTime<Utc> {
    (Utc::now() - TimeDelta::days(3)).date_naive().and_hms_opt(12, 0, 0).unwrap().and_utc()
}

impl Row {
    pub(crate) fn new(ts: DateTime<Utc>, server: &str, queryid: i64, calls: i64) -> Self {
        Self {
            ts: ts.timestamp_micros(),
            server: server.into(),
            datname: Some("shop".into()),
            queryid: Some(queryid),
            calls: Some(calls),
            nanoseconds: Some(calls * 1_500_000),
            load: Some(0.5),
            toplevel: Some(true),
        }
    }
}

pub(crate) fn statements(rows: &[Row]) -> (String, RecordBatch) {
    let views = views();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.ts)).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.server))),
        Arc::new(rows.iter().map(|row| row.calls.map(|_| 60_000)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.datname.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.queryid).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.calls).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.nanoseconds).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.load).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.toplevel).collect::<BooleanArray>()),
    ];
    let rows = RecordBatch::try_new(schema(views.get("pg_stat_statements").unwrap()), columns).unwrap();
    ("pg_stat_statements".into(), rows)
}

/// A row of `pganalytics_server`: ts, name, up, in recovery, version.
pub(crate) type ServerRow<'a> = (DateTime<Utc>, &'a str, bool, Option<bool>, Option<&'a str>);

pub(crate) fn servers(rows: &[ServerRow<'_>]) -> (String, RecordBatch) {
    let views = views();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.0.timestamp_micros())).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
        Arc::new(Int64Array::from(vec![None::<i64>; rows.len()])),
        Arc::new(rows.iter().map(|row| Some(row.2)).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|row| row.3).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|row| row.4).collect::<StringArray>()),
        Arc::new(Int64Array::from(vec![Some(5432); rows.len()])),
    ];
    let rows = RecordBatch::try_new(schema(views.get("pganalytics_server").unwrap()), columns).unwrap();
    ("pganalytics_server".into(), rows)
}

pub(crate) const COLLECTOR: Uuid = Uuid::from_u128(7);

pub(crate) fn batch_of(collector: Uuid, sequence: u64, frames: &[(String, RecordBatch)]) -> Bytes {
    let header = Header {
        collector,
        collector_name: "test".into(),
        sequence,
        created_us: 0,
        version: "0.1.0".into(),
        dropped_rows: 1,
        status: None,
        frames: vec![],
    };
    encode(header, frames, &Limits::default()).unwrap().into()
}

pub(crate) fn batch(sequence: u64, rows: &[Row]) -> Bytes {
    batch_of(COLLECTOR, sequence, &[statements(rows)])
}

/// A lake and the folder it lives in.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) lake: Lake,
}

pub(crate) fn options(folder: &Path) -> LakeOptions {
    let mut options = LakeOptions::new(folder, views());
    options.query_memory = 16 << 20;
    options.query_deadline = Duration::from_secs(60);
    options
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut LakeOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        change(&mut options);
        let lake = Lake::open(options).await.unwrap();
        Self { folder, lake }
    }

    pub(crate) async fn reopened(self) -> Self {
        self.lake.close().await;
        let Self { folder, lake } = self;
        drop(lake);
        let lake = Lake::open(options(folder.path())).await.unwrap();
        Self { folder, lake }
    }

    /// What a crash at this moment would leave, in a folder of its own.
    pub(crate) fn crash_image(&self) -> TempDir {
        let image = tempfile::tempdir().unwrap();
        copy(self.folder.path(), image.path());
        image
    }

    /// Files of one table.
    pub(crate) async fn files_of(&self, table: &str) -> (u64, u64) {
        let stats = self.lake.stats().await;
        let of = stats.tables.iter().find(|of| of.view == table).unwrap();
        (of.files, of.file_rows)
    }

    pub(crate) async fn ingest(&self, body: Bytes) -> Result<Ack, IngestError> {
        self.lake.ingest(body).await
    }

    pub(crate) async fn query(&self, sql: &str) -> Result<String, QueryError> {
        query(&self.lake, sql).await
    }

    pub(crate) async fn one(&self, sql: &str) -> String {
        one(&self.lake, sql).await
    }
}

pub(crate) async fn query(lake: &Lake, sql: &str) -> Result<String, QueryError> {
    let answer = lake.query(Query::new(sql)).await?;
    Ok(pretty_format_batches(&answer.batches).unwrap().to_string())
}

/// The one value of an answer, as text.
pub(crate) async fn one(lake: &Lake, sql: &str) -> String {
    let table = query(lake, sql).await.unwrap();
    let line = table.lines().nth(3).unwrap_or_else(|| panic!("no row of {sql}: {table}"));
    line.trim_matches(['|', ' ']).to_owned()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The Parquet files in a data folder.
pub(crate) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("lake")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
