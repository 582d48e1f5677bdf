//! A damaged file: all other files are still merged, and the file is used again after it was restored.

use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use pganalytics_lake::LakeOptions;

use crate::folders::files;
use crate::rows::{Row, batch, noon};
use crate::world::{World, query};

/// The files of pg_stat_statements of one day, ordered by id.
fn statements(world: &World, day: &str) -> Vec<PathBuf> {
    let of_day = |path: &PathBuf| path.to_string_lossy().contains(&format!("table=pg_stat_statements/date={day}"));
    files(world.folder.path()).into_iter().filter(of_day).collect()
}

fn damage(path: &PathBuf) -> Vec<u8> {
    let whole = std::fs::read(path).unwrap();
    let mut changed = whole.clone();
    changed.iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(path, changed).unwrap();
    whole
}

#[tokio::test]
async fn merging_and_expiry_go_on_past_a_damaged_file() {
    let world = World::with(|options: &mut LakeOptions| options.retention = std::time::Duration::from_secs(10 * 86_400)).await;
    let now = noon();
    let (old, today) = (now - TimeDelta::days(9), now);
    // Two days with two files each. None of the rows are in the rollups yet.
    for sequence in 1..=2 {
        world.ingest(batch(sequence, &[Row::new(old, "a", 1, 1), Row::new(today, "a", 1, 1)])).await.unwrap();
        world.lake.compact_at(now - TimeDelta::hours(12)).await.unwrap();
    }
    let damaged = statements(&world, &old.date_naive().to_string()).remove(0);
    damage(&damaged);
    // Long after their creation, all four files are due. The earliest day, with the damaged file, comes first.
    let done = world.lake.compact_at(now + TimeDelta::hours(6)).await.unwrap();
    assert!(done.merged >= 3, "the other files of that day and of other days are merged: {done:?}");
    assert_eq!(world.lake.stats().await.damaged_files, 1);
    // A query that does not need the file is answered. A query that needs the file names it in its error.
    for table in ["pg_stat_statements", "pg_stat_statements_1h"] {
        let recent = format!("select sum(calls) from {table} where ts > '{}'", (today - TimeDelta::days(1)).to_rfc3339());
        assert_eq!(world.one(&recent).await, "2", "{table}");
    }
    let error = query(&world.lake, "select sum(calls) from pg_stat_statements").await.unwrap_err().to_string();
    assert!(error.contains(&damaged.file_name().unwrap().to_string_lossy().into_owned()), "{error}");
    // When its day expires, the damaged file expires too.
    let done = world.lake.expire(now + TimeDelta::days(3)).await.unwrap();
    assert!(done.files >= 2, "{done:?}");
    assert_eq!(world.lake.stats().await.damaged_files, 0);
    assert_eq!(world.one("select sum(calls) from pg_stat_statements").await, "2");
}

#[tokio::test]
async fn a_restored_file_is_merged_again() {
    let world = World::new().await;
    let now = noon();
    for sequence in 1..=2 {
        world.ingest(batch(sequence, &[Row::new(now, "a", 1, 1)])).await.unwrap();
        world.lake.compact_at(now - TimeDelta::hours(12)).await.unwrap();
    }
    let damaged = statements(&world, &now.date_naive().to_string()).remove(0);
    let whole = damage(&damaged);
    world.lake.compact_at(now + TimeDelta::hours(6)).await.unwrap();
    assert_eq!(world.lake.stats().await.damaged_files, 1);
    std::fs::write(&damaged, whole).unwrap();
    // After a restart, as after ten minutes, the file is tried again.
    let world = world.reopened().await;
    world.lake.compact_at(now + TimeDelta::hours(6)).await.unwrap();
    assert_eq!(world.lake.stats().await.damaged_files, 0);
    assert_eq!(world.one("select sum(calls) from pg_stat_statements_1h").await, "2");
}

#[tokio::test]
async fn a_replaced_file_is_kept_for_a_time_after_the_commit() {
    let world = World::new().await;
    // A compaction that began ten minutes ago, which is much longer than the grace period.
    let began = Utc::now() - TimeDelta::minutes(10);
    for sequence in 1..=8 {
        world.ingest(batch(sequence, &[Row::new(began, "a", 1, 1)])).await.unwrap();
        world.lake.compact_at(began).await.unwrap();
    }
    assert_eq!(world.files_of("pg_stat_statements").await.0, 1, "merged");
    assert_eq!(world.lake.remove_replaced(Utc::now()).await.unwrap(), 0, "a query may have opened them a moment ago");
    // The same holds for days that expire.
    world.ingest(batch(9, &[Row::new(began - TimeDelta::days(500), "a", 1, 1)])).await.unwrap();
    world.lake.compact_at(began).await.unwrap();
    world.lake.compact_at(began + TimeDelta::hours(2)).await.unwrap();
    let retired = world.lake.expire(began).await.unwrap().files;
    assert!(retired > 0);
    assert_eq!(world.lake.remove_replaced(Utc::now()).await.unwrap(), 0);
    assert!(world.lake.remove_replaced(Utc::now() + TimeDelta::hours(1)).await.unwrap() >= retired);
}
