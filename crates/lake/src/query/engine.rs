//! Runs queries: one read-only statement over one snapshot of the history.
//!
//! # Promise
//! - Only statements that read are planned: `SELECT`, `WITH`, `VALUES`, `EXPLAIN`, `SHOW`, `DESCRIBE`. No statement can reach a file, a URL
//!   or a setting.
//! - All queries together use at most the query memory. Sorts and groups that need more spill to disk, up to the disk limit. Anything that
//!   cannot spill fails. A query ends at its deadline, at any stage. An answer holds at most the allowed number of rows.
//! - Queries run on their own threads, so a query never delays ingest or a request that runs no query.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use datafusion::error::DataFusionError;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::answers::Answers;
use super::executor::Executor;
use super::failure::{failure, is_reading};
use super::guard::one_statement;
use super::question::{Answer, Query, QueryError, QueryErrorKind};
use super::reads::Reads;
use super::spill::Spill;
use crate::meta::Remedy;
use crate::model::{LiveFile, Shapes};
use crate::parquet::{Blame, Files};
use crate::present::{Follower, Present, Snapshot};
use crate::threads::Threads;

/// The remedy if the object store does not return files.
const AWAY: &str = "check that the object store is up, and that the bucket and the credentials are correct (the backend's log has its \
                    answer); then try again";
/// The number of queries that run at once. Further queries wait for a turn; the wait counts toward their deadline.
pub const QUERIES_AT_ONCE: usize = 4;
/// The stack of a query thread, enough for the deepest nesting that [`super::guard::MAX_TOKENS`] allows. Unused pages cost nothing.
const STACK: usize = 64 << 20;

/// The limits of queries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of memory that all queries share.
    pub(crate) memory: usize,
    /// The longest time from a query's arrival to its answer.
    pub(crate) deadline: Duration,
    /// The most rows in one answer.
    pub(crate) max_rows: usize,
}

/// Runs queries.
#[derive(Debug)]
pub(crate) struct Engine {
    shapes: Arc<Shapes>,
    present: Arc<Present>,
    follower: Arc<Follower>,
    files: Files,
    executor: Executor,
    deadline: Duration,
    turns: Arc<Semaphore>,
    threads: Threads,
    pub(crate) queries: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Engine {
    pub(crate) fn new(
        limits: Limits,
        shapes: Arc<Shapes>,
        present: Arc<Present>,
        follower: Arc<Follower>,
        files: Files,
        spill: Spill,
        answers: Option<Answers>,
    ) -> anyhow::Result<Self> {
        let limited = (limits.memory, limits.max_rows);
        let executor = Executor::new(limited, Arc::clone(&shapes), Arc::clone(&present), files.clone(), spill, answers)?;
        Ok(Self {
            shapes,
            present,
            follower,
            files,
            executor,
            deadline: limits.deadline,
            turns: Arc::new(Semaphore::new(QUERIES_AT_ONCE)),
            threads: Threads::of_queries(STACK).context("for queries")?,
            queries: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// The number of answers from the cache, included in [`Self::queries`].
    pub(crate) fn kept(&self) -> u64 {
        self.executor.kept.load(Ordering::Relaxed)
    }

    /// The number of queries that run now.
    pub(crate) fn running(&self) -> u64 {
        QUERIES_AT_ONCE.saturating_sub(self.turns.available_permits()) as u64
    }

    pub(crate) async fn answer(self: &Arc<Self>, query: Query) -> Result<Answer, QueryError> {
        let began = Instant::now();
        let answer = tokio::time::timeout(self.deadline, self.in_turn(query, began)).await.unwrap_or_else(|_| {
            let message = format!("the query took longer than {} s", self.deadline.as_secs_f64());
            let hint = "query a shorter time range or fewer servers, or group by fewer values";
            Err(QueryError::new(QueryErrorKind::Deadline, message).hint(hint))
        });
        let counter = if answer.is_ok() { &self.queries } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Waits for a turn, then runs the query on the query threads. Dropping the future, at the deadline or when the caller leaves, stops the
    /// query.
    async fn in_turn(self: &Arc<Self>, query: Query, began: Instant) -> Result<Answer, QueryError> {
        let broken = |what: &str| QueryError::new(QueryErrorKind::Execution, what);
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| broken("the lake is closing"))?;
        let engine = Arc::clone(self);
        let task = self.threads.handle().spawn(async move {
            let _turn = turn;
            engine.run(query, began).await
        });
        AbortOnDropHandle::new(task).await.map_err(|error| {
            tracing::error!(error = %error, "a query panicked");
            broken("the query failed with an internal error; the backend's log has the cause")
        })?
    }

    async fn run(&self, query: Query, began: Instant) -> Result<Answer, QueryError> {
        let statement = one_statement(&query.sql, &self.shapes)?;
        // The answer includes every batch that any replica acknowledged before this query.
        if let Err(error) = self.follower.refresh().await {
            tracing::warn!(error = format!("{error:#}"), "cannot read the commits of other replicas for a query");
            let hint = error.downcast_ref::<Remedy>().map_or_else(|| "try again".to_owned(), ToString::to_string);
            return Err(QueryError::new(QueryErrorKind::Store, "the meta store does not answer").hint(hint));
        }
        let snapshot = self.present.snapshot();
        let reads = Arc::new(Reads::default());
        match self.executor.execute(statement, &query, snapshot.clone(), Arc::clone(&reads)).await {
            Ok((schema, batches, truncated)) => Ok(Answer { schema, batches, truncated, elapsed: began.elapsed() }),
            Err(error) => Err(self.explained(&error, &snapshot, &reads).await),
        }
    }

    /// Converts an error. For an error from reading files, finds the damaged file, or the store that does not answer.
    async fn explained(&self, error: &DataFusionError, snapshot: &Snapshot, reads: &Reads) -> QueryError {
        let failure = failure(error, &self.shapes);
        if !is_reading(error) {
            return failure;
        }
        // Checks only the files of this query. Checksums of the whole history would take as long as reading it.
        let read = reads.files();
        let files = snapshot.values().flat_map(|contents| contents.files.iter());
        let files: Vec<Arc<LiveFile>> = files.filter(|file| read.contains(&file.id)).cloned().collect();
        match self.files.blame(error, &files).await {
            Some(Blame::Damaged { file, remedy, .. }) => {
                tracing::error!(error = file, remedy, "cannot read files for a query");
                let message = format!("{file}: {}", failure.message);
                QueryError::new(QueryErrorKind::Damaged, message).hint(remedy)
            }
            Some(Blame::Away(reason)) => {
                tracing::warn!(error = reason, "cannot read files for a query");
                QueryError::new(QueryErrorKind::Store, "the files of the history cannot be read").hint(AWAY)
            }
            None => failure,
        }
    }
}
