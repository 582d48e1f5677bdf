//! Ingest: what is acknowledged is there, once; what is refused is not.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use pganalytics_lake::arrow::array::{Int64Array, RecordBatch, StringArray};
use pganalytics_lake::arrow::datatypes::{Field, Schema};
use pganalytics_lake::{IngestError, Lake, LakeOptions, RowsError, ServerRole};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{COLLECTOR, Row, World, batch, batch_of, noon, one, options, servers, statements};

#[tokio::test]
async fn an_acknowledged_batch_is_visible_and_durable() {
    let world = World::new().await;
    let ack = world.ingest(batch(1, &[Row::new(noon(), "a", 1, 10), Row::new(noon(), "b", 2, 20)])).await.unwrap();
    assert_eq!((ack.collector, ack.sequence, ack.duplicate, ack.rows), (COLLECTOR, 1, false, 2));
    assert_eq!(world.one("select sum(calls) from pg_stat_statements").await, "30");
    let world = world.reopened().await;
    assert_eq!(world.one("select sum(calls) from pg_stat_statements").await, "30");
}

#[tokio::test]
async fn a_replay_is_a_duplicate_and_changes_nothing() {
    let world = World::new().await;
    for sequence in 1..=3 {
        world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    }
    for sequence in 1..=3 {
        assert!(world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    }
    let world = world.reopened().await;
    assert!(world.ingest(batch(3, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    world.lake.compact().await.unwrap();
    assert!(world.ingest(batch(2, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    assert!(!world.ingest(batch(4, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "4");

    let collectors = world.lake.meta().collectors().await.unwrap();
    assert_eq!(collectors.len(), 1);
    assert_eq!((collectors[0].sequence, collectors[0].rows, collectors[0].dropped_rows), (4, 4, 4));
}

/// So many rows of one batch that some batches fill the memory below.
const ROWS: i64 = 1_000;
const HOT_MEMORY: usize = 512 << 10;

fn large(sequence: u64) -> bytes::Bytes {
    batch(sequence, &(0..ROWS).map(|query| Row::new(noon(), "a", query, 1)).collect::<Vec<_>>())
}

#[tokio::test]
async fn hot_rows_keep_to_their_memory_and_batches_wait_for_room() {
    // Not before the test is over, unless the memory is full.
    let rare = |options: &mut LakeOptions| (options.hot_memory, options.compact_every) = (HOT_MEMORY, Duration::from_secs(86_400));
    let world = World::with(rare).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (lake, stop) = (world.lake.clone(), stop.clone());
        async move { lake.run(stop).await }
    });
    for sequence in 1..=40 {
        assert!(!world.ingest(large(sequence)).await.unwrap().duplicate);
        let hot = world.lake.stats().await.hot_bytes;
        assert!(hot <= HOT_MEMORY as u64, "{hot} bytes after {sequence} batches");
    }
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, (40 * ROWS).to_string());
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_batch_for_which_no_room_is_made_is_refused_and_taken_later() {
    let world = World::with(|options| options.hot_memory = HOT_MEMORY).await;
    let mut taken = 0;
    let refused = loop {
        match world.ingest(large(taken + 1)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, IngestError::Store(_)) && refused.to_string().contains("--hot-memory"), "{refused}");
    world.lake.compact().await.unwrap();
    assert!(!world.ingest(large(taken + 1)).await.unwrap().duplicate);
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, ((taken as i64 + 1) * ROWS).to_string());
}

#[tokio::test]
async fn a_batch_larger_than_the_memory_is_taken_where_nothing_else_is() {
    let world = World::with(|options| options.hot_memory = 1).await;
    world.ingest(large(1)).await.unwrap();
    world.lake.compact().await.unwrap();
    world.ingest(large(2)).await.unwrap();
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, (2 * ROWS).to_string());
}

#[tokio::test]
async fn many_collectors_at_once_are_all_committed() {
    let world = World::new().await;
    let sends = (0..64u128).map(|collector| {
        let lake = world.lake.clone();
        tokio::spawn(async move {
            for sequence in 1..=5 {
                let rows = statements(&[Row::new(noon(), &format!("server-{collector}"), 1, 1)]);
                let ack = lake.ingest(batch_of(Uuid::from_u128(collector), sequence, &[rows])).await.unwrap();
                assert!(!ack.duplicate);
            }
        })
    });
    for send in sends.collect::<Vec<_>>() {
        send.await.unwrap();
    }
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "320");
    let world = world.reopened().await;
    assert_eq!(world.one("select count(distinct server) from pg_stat_statements").await, "64");
    assert_eq!(world.lake.stats().await.hot_batches, 320);
}

#[tokio::test]
async fn a_batch_that_is_wrong_is_refused_whole() {
    let world = World::new().await;
    let good = statements(&[Row::new(noon(), "a", 1, 1)]);
    let changed = |change: &dyn Fn(&RecordBatch) -> RecordBatch| ("pg_stat_statements".to_owned(), change(&good.1));

    let unknown_view = [good.clone(), ("pg_stat_nothing".to_owned(), good.1.clone())];
    let error = world.ingest(batch_of(COLLECTOR, 1, &unknown_view)).await.unwrap_err();
    assert!(matches!(&error, IngestError::Rows(RowsError::UnknownView { view, .. }) if view == "pg_stat_nothing"), "{error}");

    let unknown_column = changed(&|rows| {
        let mut fields: Vec<_> = rows.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new("surprise", pganalytics_lake::arrow::datatypes::DataType::Int64, true)));
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(Int64Array::from(vec![1])));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    });
    let error = world.ingest(batch_of(COLLECTOR, 1, &[unknown_column])).await.unwrap_err();
    assert!(matches!(&error, IngestError::Rows(RowsError::UnknownColumn { column, .. }) if column == "surprise"), "{error}");

    let other_type = changed(&|rows| {
        let mut fields: Vec<_> = rows.schema().fields().iter().cloned().collect();
        fields[5] = Arc::new(Field::new("calls", pganalytics_lake::arrow::datatypes::DataType::Utf8, true));
        let mut columns = rows.columns().to_vec();
        columns[5] = Arc::new(StringArray::from(vec!["1"]));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    });
    let error = world.ingest(batch_of(COLLECTOR, 1, &[good.clone(), other_type])).await.unwrap_err();
    assert!(matches!(&error, IngestError::Rows(RowsError::UnknownColumn { column, .. }) if column == "calls"), "{error}");

    let no_server = changed(&|rows| rows.project(&[0, 2, 3]).unwrap());
    let error = world.ingest(batch_of(COLLECTOR, 1, &[no_server])).await.unwrap_err();
    assert!(error.to_string().contains("'server' is missing"), "{error}");

    let nameless = statements(&[Row::new(noon(), "", 1, 1)]);
    let error = world.ingest(batch_of(COLLECTOR, 1, &[nameless])).await.unwrap_err();
    assert!(error.to_string().contains("name of 0 bytes"), "{error}");

    let mut long_ago = Row::new(noon(), "a", 1, 1);
    long_ago.ts = 0;
    let error = world.ingest(batch(1, &[long_ago])).await.unwrap_err();
    assert!(error.to_string().contains("between 2000 and 2200"), "{error}");

    let cut = batch(1, &[Row::new(noon(), "a", 1, 1)]);
    let error = world.ingest(cut.slice(..cut.len() - 1)).await.unwrap_err();
    assert!(matches!(error, IngestError::Wire(_)), "{error}");

    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "0");
    assert!(world.lake.meta().collectors().await.unwrap().is_empty());
    assert!(!world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
}

#[tokio::test]
async fn columns_that_a_collector_lacks_are_null() {
    let world = World::new().await;
    let (view, rows) = statements(&[Row::new(noon(), "a", 1, 1)]);
    world.ingest(batch_of(COLLECTOR, 1, &[(view, rows.project(&[0, 1, 2, 5]).unwrap())])).await.unwrap();
    assert_eq!(world.one("select count(*) from pg_stat_statements where queryid is null and calls = 1").await, "1");
}

#[tokio::test]
async fn an_empty_batch_moves_the_mark() {
    let world = World::new().await;
    assert!(!world.ingest(batch_of(COLLECTOR, 1, &[])).await.unwrap().duplicate);
    assert!(world.ingest(batch_of(COLLECTOR, 1, &[])).await.unwrap().duplicate);
    assert_eq!(world.lake.stats().await.hot_batches, 0);
}

#[tokio::test]
async fn the_newest_row_of_a_server_is_kept() {
    let world = World::new().await;
    let early = noon();
    let later = early + TimeDelta::seconds(10);
    let rows =
        servers(&[(early, "a", true, Some(false), Some("17.1")), (later, "a", false, None, None), (early, "b", true, Some(true), None)]);
    world.ingest(batch_of(COLLECTOR, 1, &[rows])).await.unwrap();
    let found = world.lake.meta().servers().await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].name.as_str(), found[0].up, found[0].role), ("a", Some(false), Some(ServerRole::Primary)));
    assert_eq!((found[0].version.as_deref(), found[0].port, found[0].last_seen), (Some("17.1"), Some(5432), later));
    assert_eq!((found[1].name.as_str(), found[1].role), ("b", Some(ServerRole::Standby)));

    let late = servers(&[(early - TimeDelta::hours(1), "a", true, Some(true), Some("16.0"))]);
    world.ingest(batch_of(COLLECTOR, 2, &[late])).await.unwrap();
    assert_eq!(world.lake.meta().servers().await.unwrap()[0], found[0]);
}

#[tokio::test]
async fn a_folder_is_open_in_one_place_only() {
    let world = World::new().await;
    let error = Lake::open(options(world.folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("is open in another process"), "{error:#}");
}

#[tokio::test]
async fn a_closed_lake_refuses() {
    let world = World::new().await;
    world.lake.close().await;
    let error = world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap_err();
    assert!(matches!(error, IngestError::Store(_)), "{error}");
}

/// The child of the test below: ships until the disk is full, and says which sequences were acknowledged.
#[tokio::test]
async fn ship_until_the_disk_is_full() {
    let Some(folder) = std::env::var_os("PGANALYTICS_TEST_FULL_DISK") else { return };
    let lake = Lake::open(options(folder.as_ref())).await.unwrap();
    // Texts that do not compress.
    let texts = |sequence: u64| {
        (0..2_000u128).map(move |i| {
            let mixed = (u128::from(sequence) * 2_000 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            Row { datname: Some(format!("{mixed:032x}")), ..Row::new(Utc::now(), "a", 1, 1) }
        })
    };
    let mut acknowledged = 0;
    let error = loop {
        match lake.ingest(batch(acknowledged + 1, &texts(acknowledged + 1).collect::<Vec<_>>())).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, IngestError::Store(_)), "{error}");
    assert!(error.to_string().contains("disk"), "{error}");
    // The refused batch left nothing; what was acknowledged still answers.
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements").await, (acknowledged * 2_000).to_string());
    println!("acknowledged={acknowledged}");
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\"";
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "ingest::ship_until_the_disk_is_full", "--nocapture"])
        .env("PGANALYTICS_TEST_FULL_DISK", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let acknowledged: u64 = said.split("acknowledged=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().parse().unwrap();
    assert!(acknowledged > 0);

    let lake = Lake::open(options(folder.path())).await.unwrap();
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements").await, (acknowledged * 2_000).to_string());
    let next = lake.ingest(batch(acknowledged + 1, &[Row::new(Utc::now(), "a", 1, 1)])).await.unwrap();
    assert!(!next.duplicate, "the refused batch must not count as committed");
}
