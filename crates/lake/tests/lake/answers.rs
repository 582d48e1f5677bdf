//! The answer cache: a cached answer equals the answer of the query; an answer that could differ is not cached.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use pganalytics_lake::{AnswerCache, Query};
use tokio::sync::Notify;

use crate::rows::{Row, batch, noon};
use crate::world::World;

/// The longest wait for an answer to reach the cache.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cache in memory that notifies when an answer is stored.
#[derive(Debug, Default)]
struct Kept {
    answers: Mutex<HashMap<String, Bytes>>,
    is_closed: AtomicBool,
    came: Notify,
}

#[async_trait]
impl AnswerCache for Kept {
    async fn get(&self, name: &str) -> Option<Bytes> {
        self.answers.lock().unwrap().get(name).cloned()
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        if !self.is_closed.load(Ordering::SeqCst) {
            self.answers.lock().unwrap().insert(name.to_owned(), bytes.into());
            self.came.notify_one();
        }
    }
}

/// A query slow enough to be cached. Its answer also contains the calls of the table's rows.
const SLOW: &str = "select count(distinct s.queryid * 0 + x.value % 99991) + 1000000 * sum(case when x.value = 1 then s.calls else 0 end)
    from pg_stat_statements s, generate_series(1, 300000) x where s.server = 'a'";

impl Kept {
    /// Waits until the cache has `count` answers: a query does not wait until its answer is stored.
    async fn holds(&self, count: usize) {
        let kept = async {
            while self.answers.lock().unwrap().len() < count {
                self.came.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, kept).await.expect("an answer is kept");
        assert_eq!(self.answers.lock().unwrap().len(), count);
    }
}

async fn world() -> (World, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let cache: Arc<dyn AnswerCache> = Arc::<Kept>::clone(&kept);
    let world = World::with(|options| options.answers = Some(cache)).await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    (world, kept)
}

#[tokio::test]
async fn the_same_query_over_the_same_rows_is_answered_from_the_cache() {
    let (world, kept) = world().await;
    let first = world.one(SLOW).await;
    kept.holds(1).await;
    assert_eq!(world.one(SLOW).await, first);
    assert_eq!(world.lake.stats().await.kept_answers, 1);
    // A query with another row limit or other parameters is a different query.
    world.lake.query(Query { max_rows: Some(5), ..Query::new(SLOW) }).await.unwrap();
    let asked = SLOW.replace("'a'", "$server");
    for server in ["a", "b"] {
        let parameters = [("server".to_owned(), server.into())].into();
        world.lake.query(Query { parameters, ..Query::new(&asked) }).await.unwrap();
    }
    assert_eq!(world.lake.stats().await.kept_answers, 1);
}

#[tokio::test]
async fn rows_that_come_or_move_into_files_are_in_the_next_answer() {
    let (world, kept) = world().await;
    assert_eq!(world.one(SLOW).await, "1099991");
    kept.holds(1).await;
    world.ingest(batch(2, &[Row::new(noon() + TimeDelta::minutes(1), "a", 2, 2)])).await.unwrap();
    assert_eq!(world.one(SLOW).await, "3099991", "a row was found");
    kept.holds(2).await;
    world.lake.compact().await.unwrap();
    assert_eq!(world.one(SLOW).await, "3099991", "the rows are in a file");
    kept.holds(3).await;
    // A new row that the query does not read leaves the cached answer valid.
    world.ingest(batch(3, &[Row::new(noon() + TimeDelta::minutes(2), "z", 3, 4)])).await.unwrap();
    assert_eq!(world.one(SLOW).await, "3099991");
    assert_eq!(world.lake.stats().await.kept_answers, 1);
}

#[tokio::test]
async fn answers_that_depend_on_time_chance_or_the_process_are_not_cached() {
    let (world, kept) = world().await;
    for sql in [
        &format!("{SLOW} and s.ts < now()"),
        &format!("{SLOW} and random() >= 0"),
        &format!("{SLOW} and (select count(*) from information_schema.df_settings) > 0"),
        &format!("select count(*) from ({SLOW} and s.ts < current_date)"),
        &format!("explain {SLOW}"),
        "select count(distinct x.value % 99991) from generate_series(1, 300000) x",
    ] {
        world.query(sql).await.unwrap();
    }
    assert_eq!(world.lake.stats().await.kept_answers, 0);
    world.one(SLOW).await;
    kept.holds(1).await;
}

#[tokio::test]
async fn a_cached_answer_that_no_replica_wrote_is_ignored() {
    let (world, kept) = world().await;
    let first = world.one(SLOW).await;
    kept.holds(1).await;
    let (name, good) = kept.answers.lock().unwrap().iter().map(|(name, bytes)| (name.clone(), bytes.to_vec())).next().unwrap();
    kept.is_closed.store(true, Ordering::SeqCst);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    for bytes in [Vec::new(), vec![0; 31], vec![0; 40], good[..good.len() - 1].to_vec(), forged] {
        kept.answers.lock().unwrap().insert(name.clone(), bytes.into());
        assert_eq!(world.one(SLOW).await, first);
    }
    assert_eq!(world.lake.stats().await.kept_answers, 0);
}
