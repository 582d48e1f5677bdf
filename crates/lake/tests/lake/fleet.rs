//! The fleet's tables: the newest state of every server, without reading the history.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use pganalytics_lake::{Lake, LakeOptions};
use pganalytics_views::ViewSet;

use crate::rows::{COLLECTOR, batch_of};
use crate::world::{World, one, query};

const SESSIONS: usize = 4_000;

/// Rows of one snapshot: the columns ts, server and interval, and then the given columns.
fn frame(view: &str, ts: DateTime<Utc>, server: &str, columns: &[(&str, ArrayRef)]) -> (String, RecordBatch) {
    let rows = columns[0].1.len();
    let ts = TimestampMicrosecondArray::from(vec![ts.timestamp_micros(); rows]).with_timezone("UTC");
    let front: [(&str, ArrayRef); 3] = [
        ("ts", Arc::new(ts)),
        ("server", Arc::new(StringArray::from(vec![server; rows]))),
        ("interval_ms", Arc::new(Int64Array::from(vec![10_000; rows]))),
    ];
    let nullable = front.into_iter().map(|(name, column)| (name, column, name == "interval_ms"));
    let columns = columns.iter().map(|(name, column)| (*name, Arc::clone(column), true));
    (view.into(), RecordBatch::try_from_iter_with_nullable(nullable.chain(columns)).unwrap())
}

fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(crate) fn snapshots(ts: DateTime<Utc>, server: &str) -> Vec<(String, RecordBatch)> {
    let up: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    // More rows than one batch of a file scan holds. The rows of one snapshot are not adjacent in the file.
    let users: Vec<String> = (0..SESSIONS).map(|user| format!("user {user}")).collect();
    let with = |first: [&str; 3], rest: &str| -> Vec<String> {
        first.iter().copied().chain(users.iter().map(|_| rest)).map(str::to_owned).collect()
    };
    let names = |names: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(names)) };
    let activity = [
        ("usename", names([String::new(), String::new(), String::new()].into_iter().chain(users.iter().cloned()).collect())),
        ("state", names(with(["active", "active", "idle"], "active"))),
        ("backend_type", names(with(["client backend", "walsender", "client backend"], "client backend"))),
        ("samples", ints(&[20, 10, 30].into_iter().chain(users.iter().map(|_| 1)).collect::<Vec<_>>())),
    ];
    let work = [
        ("datname", texts(&["a", "b"])),
        ("xact_commit", ints(&[5, 7])),
        ("xact_rollback", ints(&[1, 0])),
        ("blks_hit", ints(&[90, 0])),
        ("blks_read", ints(&[10, 0])),
    ];
    vec![
        frame("pganalytics_server", ts, server, &[("up", up)]),
        frame("pg_stat_activity", ts, server, &activity),
        frame("pg_stat_database", ts, server, &work),
        frame("pg_database", ts, server, &[("datname", texts(&["a", "b"])), ("size", ints(&[100, 50])), ("age", ints(&[7, 9]))]),
    ]
}

const STATE: &str = "select server, up, databases, size, age from pganalytics_fleet order by server";
const WORK: &str =
    "select server, sum(interval_ms) as ms, sum(sampled_ms) as sampled, sum(active_samples) as active, sum(transactions) as xacts,
    sum(blks_hit) as hit, sum(blks_read) as \"read\" from pganalytics_fleet_minutes group by server order by server";

async fn assert_state(lake: &Lake) {
    let state = query(lake, STATE).await.unwrap();
    for server in ["a", "b"] {
        let row = state.lines().find(|line| line.starts_with(&format!("| {server} "))).unwrap();
        assert_eq!(row.split_whitespace().collect::<String>(), format!("|{server}|true|2|150|9|"));
    }
    let work = query(lake, WORK).await.unwrap();
    let row = work.lines().find(|line| line.starts_with("| a ")).unwrap();
    assert_eq!(
        row.split_whitespace().collect::<String>(),
        format!("|a|60000|60000|{}|78|540|60|", 6 * (20 + SESSIONS)),
        "six snapshots, each once"
    );
}

#[tokio::test]
async fn the_newest_state_is_the_same_hot_compacted_and_after_a_restart() {
    let builtin = |options: &mut LakeOptions| options.views = ViewSet::builtin().unwrap();
    let world = World::with(builtin).await;
    let now = Utc::now();
    let mut sequence = 0;
    for i in 0..6 {
        let at = now - TimeDelta::seconds(60 - i * 10);
        let frames = [snapshots(at, "a"), snapshots(at, "b")].concat();
        // Ships the four frames of one server as one batch.
        for server in frames.chunks(4) {
            sequence += 1;
            world.ingest(batch_of(COLLECTOR, sequence, server)).await.unwrap();
        }
    }
    assert_state(&world.lake).await;
    world.lake.compact().await.unwrap();
    assert_state(&world.lake).await;
    // Rows that are older than the kept window change nothing.
    sequence += 1;
    world.ingest(batch_of(COLLECTOR, sequence, &snapshots(now - TimeDelta::hours(3), "a"))).await.unwrap();
    assert_state(&world.lake).await;
    world.lake.close().await;
    let World { folder, lake } = world;
    drop(lake);
    let mut options = LakeOptions::new(folder.path(), ViewSet::builtin().unwrap());
    options.query_memory = 64 << 20;
    let lake = Lake::open(options).await.unwrap();
    assert_state(&lake).await;
    assert_eq!(one(&lake, "select count(*) from pganalytics.tables where table_name like 'pganalytics_fleet%'").await, "2");
}

#[tokio::test]
async fn the_fleets_tables_do_not_open_a_file() {
    let world = World::with(|options: &mut LakeOptions| options.views = ViewSet::builtin().unwrap()).await;
    world.ingest(batch_of(COLLECTOR, 1, &snapshots(Utc::now(), "a"))).await.unwrap();
    world.lake.compact().await.unwrap();
    for file in crate::folders::files(world.folder.path()) {
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(world.one("select sum(size) from pganalytics_fleet").await, "150");
    assert_eq!(world.one("select sum(transactions) from pganalytics_fleet_minutes").await, "13");
}

#[tokio::test]
async fn a_renamed_database_counts_once_hot_and_after_a_restart() {
    let builtin = |options: &mut LakeOptions| options.views = ViewSet::builtin().unwrap();
    let world = World::with(builtin).await;
    let now = Utc::now();
    let reading = |seconds: i64, name: &str| {
        let columns = [("datname", texts(&["a", name])), ("datid", ints(&[1, 16_384])), ("size", ints(&[100, 50])), ("age", ints(&[7, 9]))];
        frame("pg_database", now - TimeDelta::seconds(seconds), "s", &columns)
    };
    world.ingest(batch_of(COLLECTOR, 1, &[reading(600, "before")])).await.unwrap();
    world.ingest(batch_of(COLLECTOR, 2, &[reading(300, "after")])).await.unwrap();
    let state = "select size from pganalytics_fleet where databases = 2 and age = 9";
    assert_eq!(world.one(state).await, "150");
    world.lake.compact().await.unwrap();
    world.lake.close().await;
    let World { folder, lake } = world;
    drop(lake);
    let lake = Lake::open(LakeOptions::new(folder.path(), ViewSet::builtin().unwrap())).await.unwrap();
    assert_eq!(one(&lake, state).await, "150");
}
