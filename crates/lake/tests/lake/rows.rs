//! Rows of the two views, and batches of them.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use pganalytics_views::schema;
use pganalytics_views::wire::{Header, Limits, encode};
use uuid::Uuid;

use crate::views::views;

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

/// Noon of a day that is over, but not so old that it expires.
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
