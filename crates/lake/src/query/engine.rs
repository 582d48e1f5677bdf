//! SQL: one read-only statement over one moment of the history.
//!
//! # Promise
//! - Only statements that read are planned: `SELECT`, `WITH`, `VALUES`, `EXPLAIN`, `SHOW`, `DESCRIBE`. There is no way from here to a file, a
//!   URL or a setting.
//! - All queries together take no more than their memory; what they sort and group beyond it goes to disk, no more than is set, and what
//!   cannot go there is an error. A query ends at its deadline, wherever it is. It answers no more than its rows.
//! - Queries run on threads of their own, so none delays ingest or an answer that needs no query.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use datafusion::catalog::SchemaProvider;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::Statement;
use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::answers::{Answers, Rows};
use super::dictionary::dictionary;
use super::failure::{failure, is_reading};
use super::guard::{one_statement, parameters};
use super::question::{Answer, Query, QueryError, QueryErrorKind};
use super::reads::Reads;
use super::session::session;
use super::settled::is_settled;
use super::spill::Spill;
use super::tables::{Tables, catalog};
use crate::meta::Remedy;
use crate::model::{LiveFile, Shapes};
use crate::parquet::{Blame, Files};
use crate::present::{Follower, Present, Snapshot};
use crate::threads::Threads;

/// What to do where the store gives no files.
const AWAY: &str = "see that the object store is up, and that its bucket and the credentials are right (the backend's log says what it answered); then try again";
/// Queries that run at once; more wait for their turn within their deadline.
pub const QUERIES_AT_ONCE: usize = 4;
/// Stack of a query's thread, for statements that nest as deep as [`super::guard::MAX_TOKENS`] allows; untouched pages cost nothing.
const STACK: usize = 64 << 20;
/// Bytes of an answer's rows in memory, whatever their number: longer answers are cut like those of too many rows.
const MAX_ANSWER: usize = 64 << 20;
/// Consumers of memory that are named when it does not suffice.
const NAMED_CONSUMERS: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN;
/// Rows in an answer to a question that does not say how many: more than any person reads.
const UNASKED_ROWS: usize = 10_000;

/// What queries may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes that all of them share.
    pub(crate) memory: usize,
    /// The longest that one may run.
    pub(crate) deadline: Duration,
    /// Rows in one answer.
    pub(crate) max_rows: usize,
}

/// Answers queries.
#[derive(Debug)]
pub(crate) struct Engine {
    template: SessionState,
    dictionary: Arc<dyn SchemaProvider>,
    shapes: Arc<Shapes>,
    present: Arc<Present>,
    follower: Arc<Follower>,
    files: Files,
    answers: Option<Answers>,
    /// The memory and disk of queries.
    runtime: Arc<RuntimeEnv>,
    /// Held while a query may put something there.
    _spill: Spill,
    deadline: Duration,
    max_rows: usize,
    turns: Arc<Semaphore>,
    threads: Threads,
    pub(crate) queries: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Answers that were kept, among [`Self::queries`].
    pub(crate) kept: AtomicU64,
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
        let template = session(limits.memory)?;
        let memory = Arc::new(TrackConsumersPool::new(FairSpillPool::new(limits.memory), NAMED_CONSUMERS));
        let runtime = files.runtime(memory, Arc::new(spill.disk().build()?));
        Ok(Self {
            template,
            dictionary: dictionary(&shapes)?,
            shapes,
            present,
            follower,
            runtime,
            files,
            _spill: spill,
            answers,
            deadline: limits.deadline,
            max_rows: limits.max_rows,
            turns: Arc::new(Semaphore::new(QUERIES_AT_ONCE)),
            threads: Threads::of_queries(STACK).context("for queries")?,
            queries: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        })
    }

    /// Queries that run at this moment.
    pub(crate) fn running(&self) -> u64 {
        QUERIES_AT_ONCE.saturating_sub(self.turns.available_permits()) as u64
    }

    pub(crate) async fn answer(self: &Arc<Self>, query: Query) -> Result<Answer, QueryError> {
        let began = Instant::now();
        let answer = tokio::time::timeout(self.deadline, self.in_turn(query, began)).await.unwrap_or_else(|_| {
            let message = format!("the query ran longer than the {} s it may", self.deadline.as_secs_f64());
            let hint = "ask for a shorter time or fewer servers, or aggregate more coarsely";
            Err(QueryError::new(QueryErrorKind::Deadline, message).hint(hint))
        });
        let counter = if answer.is_ok() { &self.queries } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Waits for a turn and runs on the query threads. Dropped, at the deadline or because the caller went away, it stops them.
    async fn in_turn(self: &Arc<Self>, query: Query, began: Instant) -> Result<Answer, QueryError> {
        let broken = |what: &str| QueryError::new(QueryErrorKind::Execution, what);
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| broken("the lake is closing"))?;
        let engine = Arc::clone(self);
        let task = self.threads.handle().spawn(async move {
            let _turn = turn;
            engine.run(query, began).await
        });
        AbortOnDropHandle::new(task).await.map_err(|error| {
            tracing::error!(error = %error, "a query broke off");
            broken("the query broke off; see the log")
        })?
    }

    async fn run(&self, query: Query, began: Instant) -> Result<Answer, QueryError> {
        let statement = one_statement(&query.sql, &self.shapes)?;
        // What any replica acknowledged before this question is part of its answer.
        if let Err(error) = self.follower.refresh().await {
            tracing::warn!(error = format!("{error:#}"), "follow the other replicas for a query");
            let hint = error.downcast_ref::<Remedy>().map_or_else(|| "try again".to_owned(), ToString::to_string);
            return Err(QueryError::new(QueryErrorKind::Store, "the store does not answer at the moment").hint(hint));
        }
        let snapshot = self.present.snapshot();
        match self.execute(statement, &query, snapshot.clone()).await {
            Ok((schema, batches, truncated)) => Ok(Answer { schema, batches, truncated, elapsed: began.elapsed() }),
            Err(error) => {
                let failure = failure(&error, &self.shapes);
                if is_reading(&error) {
                    let files: Vec<Arc<LiveFile>> = snapshot.values().flat_map(|contents| contents.files.iter().cloned()).collect();
                    match self.files.blame(&error, &files).await {
                        Some(Blame::Damaged { file, remedy }) => {
                            tracing::error!(error = file, remedy, "read files for a query");
                            let message = format!("{file}: {}", failure.message);
                            return Err(QueryError::new(QueryErrorKind::Damaged, message).hint(remedy));
                        }
                        Some(Blame::Away(reason)) => {
                            tracing::warn!(error = reason, "read files for a query");
                            return Err(
                                QueryError::new(QueryErrorKind::Store, "the history's files cannot be read at the moment").hint(AWAY)
                            );
                        }
                        None => {}
                    }
                }
                Err(failure)
            }
        }
    }

    async fn execute(&self, statement: Statement, query: &Query, snapshot: Snapshot) -> Result<Rows> {
        let began = Instant::now();
        let reads = Arc::new(Reads::default());
        let max_rows = query.max_rows.unwrap_or(UNASKED_ROWS).min(self.max_rows);
        let mut state = self.template.clone();
        state.register_catalog_list(catalog(self.tables(snapshot, Arc::clone(&reads)), Arc::clone(&self.dictionary))?);
        state.mark_start_execution();
        let plan = state.statement_to_plan(statement).await?;
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(&plan)?;
        let plan = plan.with_param_values(parameters(query)?)?;
        let answers = self.answers.as_ref().filter(|_| is_settled(&plan).unwrap_or_default());
        let plan = match plan {
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_) => plan,
            // One row more than may be given, to know whether there are more.
            plan => LogicalPlanBuilder::from(plan).limit(0, Some(max_rows.saturating_add(1)))?.build()?,
        };
        let plan = state.create_physical_plan(&plan).await?;
        // What is read is known by now, and nothing of it was read yet.
        let kept = answers.and_then(|answers| Some((answers, answers.name(query, max_rows, &plan.schema(), &reads)?)));
        if let Some((answers, name)) = &kept
            && let Some(rows) = answers.get(name).await
        {
            self.kept.fetch_add(1, Ordering::Relaxed);
            return Ok(rows);
        }
        let rows = self.rows(&state, plan, max_rows).await?;
        if let Some((answers, name)) = kept {
            answers.put(name, &rows, began.elapsed());
        }
        Ok(rows)
    }

    /// Runs a plan, up to so many rows.
    async fn rows(&self, state: &SessionState, plan: Arc<dyn ExecutionPlan>, max_rows: usize) -> Result<Rows> {
        let context = TaskContext::from(state).with_runtime(Arc::clone(&self.runtime));
        let held = MemoryConsumer::new("the answer").register(&self.runtime.memory_pool);
        let mut counter = RecordBatchMemoryCounter::new();
        let mut rows = execute_stream(plan, Arc::new(context))?;
        let schema = rows.schema();
        let (mut batches, mut count) = (Vec::new(), 0);
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let left = max_rows - count;
            if batch.num_rows() > left {
                batches.push(batch.slice(0, left));
                return Ok((schema, batches, true));
            }
            if held.size() > MAX_ANSWER && batch.num_rows() > 0 {
                return Ok((schema, batches, true));
            }
            count += batch.num_rows();
            held.try_grow(counter.count_batch(&batch))?;
            batches.push(batch);
        }
        Ok((schema, batches, false))
    }

    fn tables(&self, snapshot: Snapshot, reads: Arc<Reads>) -> Tables {
        let (shapes, files, present) = (Arc::clone(&self.shapes), self.files.clone(), Arc::clone(&self.present));
        Tables { shapes, files, present, snapshot, reads }
    }
}
