//! A crash at any moment: no acknowledged row is lost or duplicated. A copy of the folder stands for the folder after a crash.

use std::fs;

use chrono::{TimeDelta, Utc};
use pganalytics_lake::{Lake, QueryErrorKind};

use crate::folders::{copy, files};
use crate::rows::{Row, batch, noon};
use crate::world::{World, one, options, query};

async fn opened(folder: &std::path::Path) -> Lake {
    Lake::open(options(folder)).await.unwrap()
}

#[tokio::test]
async fn a_crash_right_after_the_acknowledgement() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 7)])).await.unwrap();
    let image = world.crash_image();
    let lake = opened(image.path()).await;
    assert_eq!(one(&lake, "select sum(calls) from pg_stat_statements").await, "7");
    assert!(lake.ingest(batch(1, &[Row::new(noon(), "a", 1, 7)])).await.unwrap().duplicate);
}

#[tokio::test]
async fn a_crash_between_the_files_and_their_commit() {
    let world = World::new().await;
    for sequence in 1..=3 {
        world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1), Row::new(noon() - TimeDelta::days(1), "a", 1, 1)])).await.unwrap();
    }
    let image = world.crash_image();
    world.lake.compact().await.unwrap();
    // The files after the compaction, with the catalog from before the compaction.
    copy(&world.folder.path().join("lake"), &image.path().join("lake"));
    fs::write(files(image.path())[0].with_extension("tmp"), "half a file").unwrap();
    assert_eq!(files(image.path()).len(), 3);

    let lake = opened(image.path()).await;
    assert_eq!(files(image.path()).len(), 0, "orphans are removed");
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements").await, "6");
    lake.compact().await.unwrap();
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements").await, "6");
    assert_eq!(lake.stats().await.files, 2);
}

#[tokio::test]
async fn a_crash_between_a_merged_file_and_its_commit() {
    let world = World::new().await;
    for sequence in 1..=3 {
        world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
        world.lake.compact().await.unwrap();
    }
    let image = world.crash_image();
    world.lake.compact_at(Utc::now() + TimeDelta::hours(2)).await.unwrap();
    assert_eq!(world.files_of("pg_stat_statements").await.0, 1);
    copy(&world.folder.path().join("lake"), &image.path().join("lake"));

    let lake = opened(image.path()).await;
    assert_eq!(files(image.path()).len(), 3);
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements").await, "3");
}

#[tokio::test]
async fn a_crash_after_the_commit_of_a_merge() {
    let world = World::new().await;
    for sequence in 1..=3 {
        world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
        world.lake.compact().await.unwrap();
    }
    world.lake.compact_at(Utc::now() + TimeDelta::hours(2)).await.unwrap();
    let image = world.crash_image();
    assert_eq!(files(image.path()).len(), 3 + 3);
    let lake = opened(image.path()).await;
    assert_eq!(files(image.path()).len(), 3, "replaced files are deleted at the start, when no query reads them");
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements").await, "3");
}

#[tokio::test]
async fn reused_ids_of_deleted_orphans_are_harmless() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    let image = world.crash_image();
    world.lake.compact().await.unwrap();
    copy(&world.folder.path().join("lake"), &image.path().join("lake"));
    let lake = opened(image.path()).await;
    lake.ingest(batch(2, &[Row::new(noon(), "b", 2, 2)])).await.unwrap();
    lake.compact().await.unwrap();
    assert_eq!(one(&lake, "select sum(calls) from pg_stat_statements").await, "3");
}

#[tokio::test]
async fn a_damaged_batch_is_named_at_the_start() {
    let world = World::new().await;
    let marker = "marker-".repeat(20);
    world.ingest(batch(1, &[Row { datname: Some(marker), ..Row::new(noon(), "a", 1, 1) }])).await.unwrap();
    world.lake.close().await;
    let World { folder, lake } = world;
    drop(lake);
    let path = folder.path().join("meta.db");
    let mut bytes = fs::read(&path).unwrap();
    // The batch starts with its magic, followed by its header and content.
    let at = bytes.windows(4).rposition(|window| window == b"PGAB").expect("the blob is in the file");
    bytes[at + 40] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let error = format!("{:#}", Lake::open(options(folder.path())).await.unwrap_err());
    assert!(error.contains("batch 1 in meta.db is damaged") && error.contains("checksum"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_named_by_the_query_that_needs_it() {
    let world = World::new().await;
    let rows: Vec<Row> = (0..5_000).map(|i| Row::new(noon() + TimeDelta::seconds(i), "a", i * 7_919, i)).collect();
    world.ingest(batch(1, &rows)).await.unwrap();
    world.lake.compact().await.unwrap();
    let file = files(world.folder.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    bytes[..half].fill(0x5a);
    fs::write(&file, bytes).unwrap();
    let error = query(&world.lake, "select sum(calls), count(distinct queryid), max(load) from pg_stat_statements").await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Damaged);
    assert!(error.message.contains(&*file.to_string_lossy()) && error.message.contains("checksum"), "{}", error.message);
    let remedy = error.hint.unwrap();
    assert!(remedy.contains("pganalytics lake verify") && remedy.contains("restore the file from a backup"), "{remedy}");
    // Other tables are not affected.
    assert_eq!(world.one("select count(*) from pganalytics_server").await, "0");

    fs::remove_file(&file).unwrap();
    let error = query(&world.lake, "select sum(calls) from pg_stat_statements").await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Damaged);
    assert!(error.message.contains(&*file.to_string_lossy()), "{}", error.message);
}

#[tokio::test]
async fn a_history_without_its_catalog_is_not_deleted() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    world.lake.compact().await.unwrap();
    let image = tempfile::tempdir().unwrap();
    copy(&world.folder.path().join("lake"), &image.path().join("lake"));
    let error = Lake::open(options(image.path())).await.unwrap_err();
    assert!(error.to_string().contains("restore meta.db"), "{error:#}");
    assert_eq!(files(image.path()).len(), 1);
}
