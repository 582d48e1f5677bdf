//! Room: hot rows stay within their memory limit, and batches wait for room.

use std::time::Duration;

use pganalytics_lake::{IngestError, LakeOptions};
use tokio_util::sync::CancellationToken;

use crate::rows::{Row, batch, noon};
use crate::world::World;

/// The rows of one batch: enough that a few batches fill the memory below.
const ROWS: i64 = 1_000;

const HOT_MEMORY: usize = 512 << 10;

fn large(sequence: u64) -> bytes::Bytes {
    batch(sequence, &(0..ROWS).map(|query| Row::new(noon(), "a", query, 1)).collect::<Vec<_>>())
}

#[tokio::test]
async fn hot_rows_stay_within_their_memory_and_batches_wait_for_room() {
    // Compaction does not run during the test, unless the memory is full.
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
async fn a_batch_without_room_is_refused_and_accepted_later() {
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
async fn a_batch_larger_than_the_memory_is_accepted_if_there_are_no_other_hot_rows() {
    let world = World::with(|options| options.hot_memory = 1).await;
    world.ingest(large(1)).await.unwrap();
    world.lake.compact().await.unwrap();
    world.ingest(large(2)).await.unwrap();
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, (2 * ROWS).to_string());
}
