//! Runs queries: one read-only statement over one snapshot of the history.
//!
//! # Promise
//! - Only statements that read are planned: `SELECT`, `WITH`, `VALUES`, `EXPLAIN`, `SHOW`, `DESCRIBE`. No statement can reach a file, a URL
//!   or a setting.
//! - All queries together use at most the query memory. Sorts and groups that need more spill to disk, up to the disk limit. Anything that
//!   cannot spill fails. A query ends at its deadline, at any stage. An answer holds at most the allowed number of rows.
//! - Each query runs on threads of its own, so a query never delays ingest, another query, or a request that runs no query. The threads of
//!   consoles stand behind those of pages. A query that cannot be stopped at its deadline keeps its threads; see [`super::lanes`].
//! - Pages and consoles have turns, memory and disk of their own, and no caller holds all turns of either.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use datafusion::error::DataFusionError;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::answers::Answers;
use super::executor::Executor;
use super::failure::{failure, is_reading};
use super::guard::one_statement;
use super::lanes::Lanes;
use super::question::{Answer, Purpose, Query, QueryError, QueryErrorKind};
use super::reads::Reads;
use super::spill::Spill;
use super::stop::Stop;
use super::turns::{AllStuck, Turns};
use super::watch::{Watch, resident};
use crate::meta::Remedy;
use crate::model::{LiveFile, Shapes};
use crate::parquet::{Blame, Files};
use crate::present::{Follower, Present, Snapshot};
use crate::threads::Threads;

/// The remedy if the object store does not return files.
const AWAY: &str = "check that the object store is up, and that the bucket and the credentials are correct (the backend's log has its \
                    answer); then try again";
/// The number of queries of one purpose that run at once, and how many of them one caller may hold. Further queries wait for a turn; the
/// wait counts toward their deadline.
const PAGES: (usize, usize) = (4, 3);
const CONSOLES: (usize, usize) = (4, 2);
/// The most queries of one purpose that run on although they were told to stop. Further queries are refused until one of these ends.
const MAX_STUCK: usize = 8;
/// The remedy if queries cannot be stopped.
const STUCK: &str =
    "wait until they end; an admin can restart the backend, which ends them (the metric pganalytics_lake_stuck_queries counts them)";

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
    pages: Class,
    consoles: Class,
    watch: Watch,
    /// The runtime that opened the lake.
    home: Handle,
    /// Brings back the threads of ended queries, and runs the watch.
    keeper: Threads,
    pub(crate) queries: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// The turns and threads of one purpose.
#[derive(Debug)]
struct Class {
    turns: Turns,
    lanes: Arc<Lanes>,
}

impl Class {
    fn new((all, each): (usize, usize), behind: bool) -> Self {
        Self { turns: Turns::new(all, each), lanes: Arc::new(Lanes::new(behind)) }
    }

    fn stuck(&self) -> usize {
        self.lanes.stuck.load(Ordering::Relaxed)
    }
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
        let keeper = Threads::of_keeper().context("for queries")?;
        Ok(Self {
            shapes,
            present,
            follower,
            files,
            executor,
            deadline: limits.deadline,
            pages: Class::new(PAGES, false),
            consoles: Class::new(CONSOLES, true),
            watch: Watch::new(limits.memory, resident, keeper.handle()),
            home: Handle::try_current().context("open a lake outside of a runtime")?,
            keeper,
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
        (self.pages.turns.in_use() + self.consoles.turns.in_use()) as u64
    }

    /// The number of queries that did not stop in time.
    pub(crate) fn abandoned(&self) -> u64 {
        [&self.pages, &self.consoles].iter().map(|class| class.lanes.given_up.load(Ordering::Relaxed)).sum()
    }

    /// Those of them that still run.
    pub(crate) fn stuck(&self) -> u64 {
        (self.pages.stuck() + self.consoles.stuck()) as u64
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

    /// Waits for a turn, then runs the query on threads of its own. Dropping the future, at the deadline or when the caller leaves, stops the
    /// query.
    async fn in_turn(self: &Arc<Self>, query: Query, began: Instant) -> Result<Answer, QueryError> {
        let broken = |what: &str| QueryError::new(QueryErrorKind::Execution, what);
        let busy = |what: String| QueryError::new(QueryErrorKind::Busy, what).hint(STUCK);
        let class = match query.purpose {
            Purpose::Page => &self.pages,
            Purpose::Console => &self.consoles,
        };
        if class.stuck() >= MAX_STUCK {
            return Err(busy(format!("{} earlier queries run past their deadline and cannot be stopped", class.stuck())));
        }
        let turn =
            class.turns.take(query.caller.clone()).await.map_err(|AllStuck(stuck)| {
                busy(format!("{stuck} of your earlier queries run past their deadline and cannot be stopped"))
            })?;
        let stop = Stop::default();
        let running = class.lanes.enter(turn, stop.clone(), self.keeper.handle().clone()).map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "start threads for a query");
            busy("the backend cannot start more threads".into())
        })?;
        let guarded = self.watch.begin(query.purpose);
        let engine = Arc::clone(self);
        let query = async move { engine.run(query, stop, began).await };
        let Some(task) = running.handle().map(|handle| handle.spawn(query)) else { return Err(broken("the lake is closing")) };
        let task = AbortOnDropHandle::new(task);
        tokio::select! {
            answer = task => answer.map_err(|error| {
                tracing::error!(error = %error, "a query panicked");
                broken("the query failed with an internal error; the backend's log has the cause")
            })?,
            () = guarded.end.cancelled() => {
                let message = "the backend takes far more memory than queries may (--query-memory), so the query was ended";
                Err(QueryError::new(QueryErrorKind::Memory, message).hint("ask for less, or aggregate more coarsely"))
            }
        }
    }

    async fn run(&self, query: Query, stop: Stop, began: Instant) -> Result<Answer, QueryError> {
        let statement = one_statement(&query.sql, &self.shapes)?;
        // The answer includes every batch that any replica acknowledged before this query.
        // Not on the threads of this query: connections to the database are shared, and would wait for its computations.
        let follower = Arc::clone(&self.follower);
        let refreshed = AbortOnDropHandle::new(self.home.spawn(async move { follower.refresh().await })).await;
        if let Err(error) = refreshed.map_err(anyhow::Error::new).flatten() {
            tracing::warn!(error = format!("{error:#}"), "cannot read the commits of other replicas for a query");
            let hint = error.downcast_ref::<Remedy>().map_or_else(|| "try again".to_owned(), ToString::to_string);
            return Err(QueryError::new(QueryErrorKind::Store, "the meta store does not answer").hint(hint));
        }
        let snapshot = self.present.snapshot();
        let reads = Arc::new(Reads::default());
        match self.executor.execute(statement, &query, stop, snapshot.clone(), Arc::clone(&reads)).await {
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
