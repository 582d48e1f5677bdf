//! Collectors and backends of different versions: what one of them does not know is kept, and nothing else waits.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use pganalytics_lake::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use pganalytics_lake::arrow::datatypes::{DataType, Field, Schema};
use pganalytics_lake::{Lake, LakeOptions};
use pganalytics_views::{ViewSet, schema};
use tempfile::TempDir;

use crate::rows::{COLLECTOR, Row, batch, batch_of, noon, statements};
use crate::views::{SERVERS, STATEMENTS, later_views, views};
use crate::world::{one, options};

const TOMORROW: &str = r#"
name = "pg_stat_tomorrow"
summary = "A view of a later version."
scope = "server"
source = "probe"
interval = "60s"
[[columns]]
name = "kind"
kind = "label"
type = "text"
help = "Kind."
[[columns]]
name = "events"
kind = "counter"
type = "int8"
help = "Events."
"#;

/// The views of a later version: one more column, and one more view.
fn newer() -> ViewSet {
    let later = later_views();
    assert!(later.get("pg_stat_statements").unwrap().column("wal_bytes").is_some());
    let wal = "[[columns]]\nname = \"wal_bytes\"\nkind = \"counter\"\ntype = \"int8\"\nhelp = \"WAL.\"\n";
    ViewSet::from_files([
        ("pg_stat_statements.toml".to_owned(), format!("{STATEMENTS}{wal}")),
        ("pg_stat_tomorrow.toml".to_owned(), TOMORROW.to_owned()),
        ("pganalytics_server.toml".to_owned(), SERVERS.to_owned()),
    ])
    .unwrap()
}

/// A lake with these views, on the folder of another one that is closed.
async fn open(folder: &TempDir, views: ViewSet) -> Lake {
    Lake::open(LakeOptions { views, ..options(folder.path()) }).await.unwrap()
}

async fn close(lake: Lake) {
    lake.close().await;
    drop(lake);
}

/// Rows of a statement with the new column.
fn with_wal(queryid: i64, calls: i64, wal: i64) -> (String, RecordBatch) {
    let (view, rows) = statements(&[Row::new(noon(), "a", queryid, calls)]);
    with_column((view, rows), Field::new("wal_bytes", DataType::Int64, true), Arc::new(Int64Array::from(vec![wal])))
}

fn with_column((view, rows): (String, RecordBatch), field: Field, column: ArrayRef) -> (String, RecordBatch) {
    let mut fields: Vec<_> = rows.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(field));
    let mut columns = rows.columns().to_vec();
    columns.push(column);
    (view, RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap())
}

/// A row of the new view.
fn tomorrow(events: i64) -> (String, RecordBatch) {
    let (_, rows) = statements(&[Row::new(noon(), "a", 1, 1)]);
    let [ts, server, interval] = [0, 1, 2].map(|at| Arc::clone(rows.column(at)));
    let columns: Vec<ArrayRef> =
        vec![ts, server, interval, Arc::new(StringArray::from(vec!["x"])), Arc::new(Int64Array::from(vec![events]))];
    let schema = schema(newer().get("pg_stat_tomorrow").unwrap());
    ("pg_stat_tomorrow".into(), RecordBatch::try_new(schema, columns).unwrap())
}

/// What a newer collector ships.
fn batch_from_tomorrow(sequence: u64) -> Bytes {
    batch_of(COLLECTOR, sequence, &[with_wal(7, 3, 100), tomorrow(5)])
}

const KNOWN: &str = "select sum(calls) from pg_stat_statements";
const WAL: &str = "select sum(wal_bytes) from pg_stat_statements";
const EVENTS: &str = "select sum(events) from pg_stat_tomorrow";

async fn assert_everything(lake: &Lake, batches: i64) {
    assert_eq!(one(lake, WAL).await, (100 * batches).to_string());
    assert_eq!(one(lake, EVENTS).await, (5 * batches).to_string());
    assert_eq!(one(lake, "select count(*) from pg_stat_tomorrow").await, batches.to_string());
    assert_eq!(one(lake, "select sum(calls) from pg_stat_statements where queryid = 7").await, (3 * batches).to_string());
    // Rollups too, of rows in files and of others.
    assert_eq!(one(lake, "select sum(wal_bytes) from pg_stat_statements_1h").await, (100 * batches).to_string());
    assert_eq!(one(lake, "select sum(events) from pg_stat_tomorrow_5m").await, (5 * batches).to_string());
}

#[tokio::test]
async fn a_backend_stores_what_it_knows_of_a_newer_collectors_batch_and_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let old = open(&folder, views()).await;
    let ack = old.ingest(batch_from_tomorrow(1)).await.unwrap();
    assert_eq!(
        (ack.duplicate, ack.unknown.as_slice()),
        (false, &["pg_stat_statements.wal_bytes".to_owned(), "pg_stat_tomorrow".to_owned()][..])
    );
    // A batch of unknown rows alone, and a batch after it, which does not wait.
    old.ingest(batch_of(COLLECTOR, 2, &[tomorrow(5), with_wal(7, 3, 100)])).await.unwrap();
    let alone = old.ingest(batch_of(COLLECTOR, 3, &[tomorrow(5)])).await.unwrap();
    assert!(!alone.duplicate);
    assert!(old.ingest(batch(4, &[Row::new(noon(), "a", 1, 10)])).await.unwrap().unknown.is_empty());
    assert_eq!(one(&old, KNOWN).await, "16");
    old.compact().await.unwrap();
    old.ingest(batch_of(COLLECTOR, 5, &[with_wal(7, 3, 100)])).await.unwrap();
    // Compaction and merging, as of a later day.
    for hours in [0, 2, 4] {
        old.compact_at(Utc::now() + TimeDelta::hours(hours)).await.unwrap();
    }
    assert_eq!(old.stats().await.hot_batches, 0, "nothing waits");
    assert_eq!(one(&old, KNOWN).await, "19");
    assert_eq!(one(&old, "select sum(calls) from pg_stat_statements_1h").await, "19");
    close(old).await;

    let new = open(&folder, newer()).await;
    assert_everything(&new, 3).await;
    for hours in [0, 2, 4] {
        new.compact_at(Utc::now() + TimeDelta::hours(hours)).await.unwrap();
    }
    assert_everything(&new, 3).await;
    assert_eq!(new.stats().await.tables.iter().find(|table| table.view == "pg_stat_statements").unwrap().files, 1, "all are merged");
    close(new).await;
    // The rows that were taken back are not taken twice.
    assert_everything(&open(&folder, newer()).await, 3).await;
}

#[tokio::test]
async fn an_older_backend_that_compacts_and_merges_loses_nothing_of_a_newer_ones_rows() {
    let folder = tempfile::tempdir().unwrap();
    let new = open(&folder, newer()).await;
    for sequence in 1..=3 {
        let ack = new.ingest(batch_from_tomorrow(sequence)).await.unwrap();
        assert!(ack.unknown.is_empty());
    }
    new.compact().await.unwrap();
    new.ingest(batch_from_tomorrow(4)).await.unwrap();
    close(new).await;
    // One in a file of the newer backend, one hot.
    let old = open(&folder, views()).await;
    assert_eq!(one(&old, KNOWN).await, "12");
    for (sequence, hours) in [(5, 0), (6, 2), (7, 4)] {
        old.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
        old.compact_at(Utc::now() + TimeDelta::hours(hours)).await.unwrap();
    }
    assert_eq!(one(&old, KNOWN).await, "15");
    assert_eq!(one(&old, "select sum(calls) from pg_stat_statements_1h").await, "15");
    // The older backend does not expire tables that it does not know before their time.
    old.expire(Utc::now() + TimeDelta::days(20)).await.unwrap();
    close(old).await;
    let new = open(&folder, newer()).await;
    assert_everything(&new, 4).await;
    for hours in [5, 7] {
        new.compact_at(Utc::now() + TimeDelta::hours(hours)).await.unwrap();
    }
    assert_everything(&new, 4).await;
    assert_eq!(one(&new, KNOWN).await, "15");
}

#[tokio::test]
async fn a_column_of_another_type_keeps_the_values_that_stay_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(&folder, views()).await;
    let (view, rows) = statements(&[Row::new(noon(), "a", 1, 7), Row::new(noon(), "b", 2, 8)]);
    let mut fields: Vec<_> = rows.schema().fields().iter().cloned().collect();
    fields[5] = Arc::new(Field::new("calls", DataType::Utf8, true));
    let mut columns = rows.columns().to_vec();
    columns[5] = Arc::new(StringArray::from(vec!["12", "a dozen"]));
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let ack = lake.ingest(batch_of(COLLECTOR, 1, &[(view, rows)])).await.unwrap();
    assert_eq!(ack.unknown, ["pg_stat_statements.calls"]);
    lake.compact().await.unwrap();
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements where calls = 12 and server = 'a'").await, "1");
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements where calls is null and queryid = 2").await, "1");
}

#[tokio::test]
async fn batches_with_different_unknown_columns_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(&folder, views()).await;
    lake.ingest(batch_of(COLLECTOR, 1, &[with_wal(1, 1, 1)])).await.unwrap();
    let other = with_column(
        statements(&[Row::new(noon(), "a", 2, 1)]),
        Field::new("wal_bytes", DataType::Utf8, true),
        Arc::new(StringArray::from(vec!["much"])),
    );
    lake.ingest(batch_of(COLLECTOR, 2, &[other])).await.unwrap();
    lake.ingest(batch(3, &[Row::new(noon(), "a", 3, 1)])).await.unwrap();
    for hours in [0, 2] {
        lake.compact_at(Utc::now() + TimeDelta::hours(hours)).await.unwrap();
    }
    assert_eq!(one(&lake, "select count(distinct queryid) from pg_stat_statements").await, "3");
}

#[tokio::test]
async fn a_computed_table_cannot_be_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(&folder, views()).await;
    let (_, rows) = statements(&[Row::new(noon(), "a", 1, 1)]);
    let error = lake.ingest(batch_of(COLLECTOR, 1, &[("pg_stat_statements_1h".into(), rows)])).await.unwrap_err();
    assert!(error.to_string().contains("computed by the backend"), "{error}");
}
