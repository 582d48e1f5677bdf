//! The SQL of README and docs runs, and returns what its text promises.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use pganalytics_lake::LakeOptions;
use pganalytics_lake::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use pganalytics_lake::arrow::datatypes::DataType;
use pganalytics_views::{ViewSet, schema};
use serde_json::{Value, json};

use crate::rows::{COLLECTOR, batch_of};
use crate::world::{World, query};

/// The queries of all SQL blocks of a document, without those for other engines and for PostgreSQL itself.
fn queries(document: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let blocks = text.split("```sql").skip(1).map(|rest| rest.split("```").next().unwrap());
    let of = |statement: &str| {
        // A comment may contain a semicolon, so comments go first.
        let lines = statement.lines().map(|line| line.split("--").next().unwrap());
        lines.collect::<Vec<_>>().join("\n")
    };
    let statements = blocks.flat_map(|block| of(block).split(';').map(|one| one.trim().to_owned()).collect::<Vec<_>>());
    statements.filter(|one| one.starts_with("select") && !one.contains("read_parquet")).collect()
}

/// One row of a view. Columns that are not named are null. Durations are in nanoseconds.
fn row(views: &ViewSet, view: &str, ts: DateTime<Utc>, columns: &Value) -> (String, RecordBatch) {
    let schema = schema(views.get(view).unwrap());
    for name in columns.as_object().unwrap().keys() {
        assert!(schema.column_with_name(name).is_some(), "{view} has no column {name}");
    }
    let value = |name: &str| columns.get(name).cloned().unwrap_or(Value::Null);
    let arrays = schema.fields().iter().map(|field| -> ArrayRef {
        let value = match field.name().as_str() {
            "ts" => json!(ts.timestamp_micros()),
            "server" => json!("db-1"),
            "interval_ms" => json!(60_000),
            name => value(name),
        };
        match field.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from(vec![value.as_i64()])),
            DataType::Utf8 => Arc::new(StringArray::from(vec![value.as_str()])),
            DataType::Boolean => Arc::new(BooleanArray::from(vec![value.as_bool()])),
            DataType::Timestamp(..) => Arc::new(TimestampMicrosecondArray::from(vec![value.as_i64()]).with_timezone("UTC")),
            _ => pganalytics_lake::arrow::array::new_null_array(field.data_type(), 1),
        }
    });
    (view.into(), RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).unwrap())
}

/// The rows of an answer, their cells separated by `|`.
async fn rows(world: &World, sql: &str) -> Vec<String> {
    let table = query(&world.lake, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>().join("|");
    table.lines().skip(3).filter(|line| line.starts_with('|')).map(cells).collect()
}

/// An index: its name, its size, and the rows of it: how long ago, and the scans since the row before.
type Index<'a> = (&'a str, i64, &'a [(TimeDelta, i64)], Value);

fn indexes(views: &ViewSet, now: DateTime<Utc>) -> Vec<(String, RecordBatch)> {
    let week = TimeDelta::days(7) - TimeDelta::minutes(30);
    let (day, hours, newest) = (TimeDelta::days(1), TimeDelta::hours(3), TimeDelta::minutes(30));
    let always: &[(TimeDelta, i64)] = &[(week, 0), (day, 0), (newest, 0)];
    let indexes: [Index<'_>; 11] = [
        ("unused", 100, always, json!({})),
        ("unused_and_large", 9_000, always, json!({})),
        // Used before the week only.
        ("used_long_ago", 50, &[(TimeDelta::days(8), 5), (week, 0), (newest, 0)], json!({})),
        ("used_once", 1_000, &[(week, 0), (day, 1), (newest, 0)], json!({})),
        ("young", 1_000, &[(day, 0), (newest, 0)], json!({})),
        ("gone", 1_000, &[(week, 0), (hours, 0)], json!({})),
        ("unique", 1_000, always, json!({"is_unique": true})),
        ("constraint", 1_000, always, json!({"is_constraint": true})),
        ("replica_identity", 1_000, always, json!({"is_replica_identity": true})),
        ("partition", 1_000, always, json!({"parent_indexrelid": 7})),
        ("made_anew", 1_000, always, json!({})),
    ];
    let mut frames = Vec::new();
    for (at, (name, size, snapshots, facts)) in indexes.into_iter().enumerate() {
        for (ago, scans) in snapshots {
            let id = if name == "made_anew" && *ago == newest { 1_000 } else { at };
            let mut columns = json!({
                "datname": "shop", "schemaname": "public", "relname": "orders", "indexrelname": name, "indexrelid": id, "idx_scan": scans,
                "size": size, "is_unique": false, "is_constraint": false, "is_replica_identity": false,
            });
            columns.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
            frames.push(row(views, "pg_stat_user_indexes", now - *ago, &columns));
        }
    }
    frames
}

/// What the examples ask about, in the last hour, and rows that are too old or of another state.
fn history(views: &ViewSet, now: DateTime<Utc>) -> Vec<(String, RecordBatch)> {
    let (recent, old) = (now - TimeDelta::minutes(10), now - TimeDelta::hours(2));
    let statement = |ts, queryid: i64, calls: i64, ms: i64| {
        let columns = json!({"queryid": queryid, "calls": calls, "total_exec_time": ms * 1_000_000, "toplevel": true});
        row(views, "pg_stat_statements", ts, &columns)
    };
    let session = |ts, state: &str, wait: Option<&str>, samples: i64| {
        row(views, "pg_stat_activity", ts, &json!({"state": state, "wait_event_type": wait, "samples": samples}))
    };
    let table = |ts, relname: &str, relid: i64, size: i64| {
        let columns = json!({"datname": "shop", "schemaname": "public", "relname": relname, "relid": relid, "total_size": size});
        row(views, "pg_stat_user_tables", ts, &columns)
    };
    let cost = |ts, view: &str, polls: i64, ms: i64| {
        row(views, "pganalytics_cost", ts, &json!({"view": view, "polls": polls, "duration": ms * 1_000_000}))
    };
    let logged = |severity: &str, entries: i64| {
        let columns = json!({"error_severity": severity, "sql_state_code": "53300", "message": "sorry", "entries": entries});
        row(views, "postgres_log", recent, &columns)
    };
    let minute = recent.duration_trunc(TimeDelta::minutes(1)).unwrap();
    let mut frames = vec![
        statement(recent, 1, 10, 40),
        statement(recent + TimeDelta::minutes(1), 1, 20, 60),
        statement(recent, 2, 5, 500),
        statement(old, 3, 1_000, 90_000),
        row(views, "pg_stat_statements_text", old, &json!({"queryid": 1, "query": "select $1"})),
        row(views, "pg_stat_statements_text", recent, &json!({"queryid": 2, "query": "update t set a = $1"})),
        session(minute, "active", None, 15),
        session(minute + TimeDelta::seconds(30), "active", None, 15),
        session(minute + TimeDelta::seconds(30), "active", Some("Lock"), 6),
        session(minute, "idle", Some("Client"), 60),
        session(old, "active", None, 60),
        table(old, "orders", 1, 1_000),
        table(recent, "orders", 1, 5_000),
        table(old, "lines", 2, 70_000),
        table(recent, "lines", 2, 71_000),
        cost(recent, "pg_stat_statements", 6, 60),
        cost(recent + TimeDelta::minutes(1), "pg_stat_statements", 6, 36),
        cost(recent, "pg_locks", 3, 3),
        cost(old, "pg_locks", 3, 300),
        logged("ERROR", 3),
        logged("ERROR", 4),
        logged("LOG", 90),
    ];
    frames.extend(indexes(views, now));
    frames
}

#[tokio::test]
async fn the_examples_of_readme_and_docs_return_what_they_promise() {
    let views = ViewSet::builtin().unwrap();
    let world = World::with(|options: &mut LakeOptions| options.views = ViewSet::builtin().unwrap()).await;
    let now = Utc::now();
    for (sequence, frame) in (1..).zip(history(&views, now)) {
        world.ingest(batch_of(COLLECTOR, sequence, &[frame])).await.unwrap();
    }
    let readme = queries("README.md");
    assert_eq!(readme.len(), 5, "five questions: {readme:#?}");
    let minute = (now - TimeDelta::minutes(10)).duration_trunc(TimeDelta::minutes(1)).unwrap().format("%Y-%m-%dT%H:%M:%SZ");
    let expected: [&[&str]; 5] = [
        &["2|5|500.0|update t set a = $1", "1|30|100.0|select $1"],
        // Quotients of numerics have 18 digits after the point.
        &[&format!("{minute}|CPU|0.500000000000000000"), &format!("{minute}|Lock|0.100000000000000000")],
        &["db-1|shop|public|orders|4000", "db-1|shop|public|lines|1000"],
        &["db-1|shop|public|unused_and_large|9000", "db-1|shop|public|unused|100", "db-1|shop|public|used_long_ago|50"],
        &["db-1|pg_stat_statements|12|96.0|8.0", "db-1|pg_locks|3|3.0|1.0"],
    ];
    // The answers are the same from hot rows and from files.
    for place in ["hot", "files"] {
        for (at, (sql, expected)) in readme.iter().zip(expected).enumerate() {
            assert_eq!(rows(&world, sql).await, expected, "question {} from {place}", at + 1);
        }
        let [log] = &queries("docs/kubernetes-discovery.md")[..] else { panic!("one query in docs/kubernetes-discovery.md") };
        assert_eq!(rows(&world, log).await, ["db-1|53300|sorry|7"], "{place}");
        let [days] = &queries("docs/sql.md")[..] else { panic!("one query in docs/sql.md") };
        let days = rows(&world, days).await;
        let means: Vec<_> = days.iter().map(|day| day.split('|').nth(1).unwrap()).collect();
        // 90,600 ms in 1,035 calls, all on one day. A test that runs around midnight UTC sees two days.
        let (one, two) = (means.as_slice() == ["87.53623188405797"], means.len() == 2);
        assert!(one || two, "{place}: {days:?}");
        world.lake.compact().await.unwrap();
    }
}

#[test]
fn no_document_has_an_example_that_this_test_does_not_know() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut with_queries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|document| document.ends_with(".md") && !queries(document).is_empty())
        .collect();
    with_queries.sort();
    assert_eq!(with_queries, ["docs/kubernetes-discovery.md", "docs/sql.md"]);
    assert_eq!(queries("kubernetes/KUBERNETES_DEPLOYMENT.md"), Vec::<String>::new());
}
