//! SQL: one read-only statement over one moment of the history.
//!
//! # Promise
//! - Only statements that read are planned: `SELECT`, `WITH`, `VALUES`, `EXPLAIN`, `SHOW`, `DESCRIBE`. There is no way from here to a file, a
//!   URL or a setting.
//! - All queries together take no more than their memory; what they sort and group beyond it goes to disk, no more than is set, and what
//!   cannot go there is an error. A query ends at its deadline, wherever it is. It answers no more than its rows.
//! - Queries run on threads of their own, so none delays ingest or an answer that needs no query.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use datafusion::catalog::memory::{MemoryCatalogProvider, MemoryCatalogProviderList};
use datafusion::catalog::{CatalogProvider as _, CatalogProviderList as _, MemTable, SchemaProvider, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::config::Dialect;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;
use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::catalog::files::LiveFile;
use crate::meta::Remedy;
use crate::model::shape::{Shape, Shapes};
use crate::options::{LakeOptions, UNASKED_ROWS};
use crate::parquet::reader::{Blame, Files};
use crate::present::fleet::is_fleet;
use crate::present::follow::Follower;
use crate::present::snapshot::{Present, Snapshot};
use crate::query::answers::{Answers, Reads, Rows, is_settled};
use crate::query::dictionary::{self, dictionary};
use crate::query::failure::{failure, is_reading};
use crate::query::functions;
use crate::query::question::{Answer, Query, QueryError, QueryErrorKind};
use crate::query::recent::Unsummed;
use crate::query::table::table;
use crate::rollup::binning::Binning;
use crate::threads::Threads;

/// What to do where the store gives no files.
const AWAY: &str = "see that the object store is up, and that its bucket and the credentials are right (the backend's log says what it answered); then try again";
/// Queries that run at once; more wait for their turn within their deadline.
pub const QUERIES_AT_ONCE: usize = 4;
/// Bytes of a statement: room for any that a person or a dashboard writes.
const MAX_SQL: usize = 256 << 10;
/// Words and signs of a statement. A chain of operators nests as deep as it is long, and not all of DataFusion minds its stack.
const MAX_TOKENS: usize = 5_000;
/// Stack of a query's thread, for statements that nest as deep as [`MAX_TOKENS`] allows; untouched pages cost nothing.
const STACK: usize = 64 << 20;
/// Bytes of an answer's rows in memory, whatever their number: longer answers are cut like those of too many rows.
const MAX_ANSWER: usize = 64 << 20;
/// The part of the memory that a sort keeps free to merge what it has put on disk, and the least and the most of it: DataFusion's own
/// default of 10 MiB a core and query would leave nothing of a small memory.
const MERGE_RESERVE: usize = 64;
const LEAST_RESERVE: usize = 1 << 20;
const MOST_RESERVE: usize = 10 << 20;
/// Consumers of memory that are named when it does not suffice.
const NAMED_CONSUMERS: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN;
/// A file smaller than this is not shared between cores: opening it twice costs more.
const SHARED_FILE: usize = 1 << 20;
/// Rows in a batch between operators: DataFusion's own default, said here because the bounds of texts rest on it.
const BATCH_ROWS: usize = 8_192;
/// How deep expressions and subqueries may nest: DataFusion's own default.
const NESTING: usize = 50;
/// The name of the catalog, and of the schema of the views' tables.
const CATALOG: &str = "pganalytics";
pub(crate) const PUBLIC: &str = "public";

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
        options: &LakeOptions,
        shapes: Arc<Shapes>,
        present: Arc<Present>,
        follower: Arc<Follower>,
        files: Files,
        answers: Option<Answers>,
    ) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut config = SessionConfig::new()
            .with_target_partitions(cores)
            .with_batch_size(BATCH_ROWS)
            .with_information_schema(true)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, PUBLIC)
            .with_repartition_file_min_size(SHARED_FILE)
            .with_sort_spill_reservation_bytes((options.query_memory / MERGE_RESERVE).clamp(LEAST_RESERVE, MOST_RESERVE));
        let settings = config.options_mut();
        settings.sql_parser.collect_spans = true;
        settings.sql_parser.dialect = Dialect::PostgreSQL;
        settings.execution.time_zone = Some("UTC".into());
        settings.execution.parquet.pushdown_filters = true;
        settings.execution.parquet.reorder_filters = true;
        let mut template = SessionStateBuilder::new_with_default_features().with_config(config).build();
        functions::register(&mut template)?;
        Ok(Self {
            template,
            dictionary: dictionary(&shapes)?,
            shapes,
            present,
            follower,
            runtime: files.runtime(Arc::new(TrackConsumersPool::new(FairSpillPool::new(options.query_memory), NAMED_CONSUMERS))),
            files,
            answers,
            deadline: options.query_deadline,
            max_rows: options.max_rows,
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
        state.register_catalog_list(self.catalog(snapshot, Arc::clone(&reads))?);
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

    fn catalog(&self, snapshot: Snapshot, reads: Arc<Reads>) -> Result<Arc<MemoryCatalogProviderList>> {
        let catalog = MemoryCatalogProvider::new();
        let (shapes, files, present) = (Arc::clone(&self.shapes), self.files.clone(), Arc::clone(&self.present));
        let tables = Tables { shapes, files, present, snapshot, reads };
        catalog.register_schema(PUBLIC, Arc::new(tables))?;
        catalog.register_schema(dictionary::SCHEMA, Arc::clone(&self.dictionary))?;
        let list = MemoryCatalogProviderList::new();
        list.register_catalog(CATALOG.into(), Arc::new(catalog));
        Ok(Arc::new(list))
    }
}

/// The views' tables at one moment.
#[derive(Debug)]
struct Tables {
    shapes: Arc<Shapes>,
    files: Files,
    present: Arc<Present>,
    snapshot: Snapshot,
    reads: Arc<Reads>,
}

impl Tables {
    fn unsummed(&self, rollup: &Shape, view: &str) -> Result<Option<Unsummed>> {
        let Some(shape) = self.shapes.get(view) else { return Ok(None) };
        let binning = Binning::new(rollup, shape).map_err(|error| DataFusionError::External(error.into()))?;
        let contents = self.snapshot.get(view).cloned().unwrap_or_default();
        Ok(Some(Unsummed { shape: Arc::clone(shape), binning: Arc::new(binning), contents }))
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.shapes.iter().map(|shape| shape.name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let contents = self.snapshot.get(name).cloned().unwrap_or_default();
        let Some(shape) = self.shapes.get(name) else { return Ok(None) };
        if is_fleet(name) {
            self.reads.note_fresh();
            let rows = self.present.fleet(shape).map_err(|error| DataFusionError::External(error.into()))?;
            return Ok(Some(Arc::new(MemTable::try_new(Arc::clone(&shape.stored), vec![vec![rows]])?)));
        }
        let unsummed = match &shape.view.rollup {
            Some(origin) => self.unsummed(shape, &origin.view.name)?,
            None => None,
        };
        table(shape, contents, unsummed, &self.files, &self.reads).map(Some)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.shapes.get(name).is_some()
    }
}

/// The one statement of a text, if it reads.
fn one_statement(sql: &str, shapes: &Shapes) -> Result<Statement, QueryError> {
    if sql.len() > MAX_SQL {
        let message = format!("the statement has {} bytes, at most {MAX_SQL} are read", sql.len());
        return Err(QueryError::new(QueryErrorKind::Syntax, message));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| failure(&DataFusionError::SQL(Box::new(error.into()), None), shapes))?;
    if tokens.len() > MAX_TOKENS {
        let message = format!("the statement has {} words and signs, at most {MAX_TOKENS} are read", tokens.len());
        return Err(QueryError::new(QueryErrorKind::Syntax, message));
    }
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(&dialect)
        .with_recursion_limit(NESTING)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| failure(&error, shapes))?;
    let Some(statement) = statements.pop_front() else {
        return Err(QueryError::new(QueryErrorKind::Syntax, "there is no statement").hint("write a select"));
    };
    if !statements.is_empty() {
        return Err(QueryError::new(QueryErrorKind::Forbidden, "there is more than one statement").hint("send them one at a time"));
    }
    if !reads(&statement) {
        let hint = "use select, with, values, explain, show or describe";
        return Err(QueryError::new(QueryErrorKind::Forbidden, "only statements that read are answered").hint(hint));
    }
    Ok(statement)
}

/// Whether a statement's kind is one that reads; what is inside is checked again when it is planned.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => sql_reads(statement),
        Statement::Explain(explain) => reads(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

fn sql_reads(statement: &ast::Statement) -> bool {
    match statement {
        ast::Statement::Query(query) => query_reads(query),
        ast::Statement::Explain { statement, .. } => sql_reads(statement),
        ast::Statement::ExplainTable { .. }
        | ast::Statement::ShowTables { .. }
        | ast::Statement::ShowColumns { .. }
        | ast::Statement::ShowVariable { .. }
        | ast::Statement::ShowFunctions { .. } => true,
        _ => false,
    }
}

fn query_reads(query: &ast::Query) -> bool {
    fn body_reads(body: &ast::SetExpr) -> bool {
        match body {
            ast::SetExpr::Select(select) => select.into.is_none(),
            ast::SetExpr::Query(query) => query_reads(query),
            ast::SetExpr::SetOperation { left, right, .. } => body_reads(left) && body_reads(right),
            ast::SetExpr::Values(_) | ast::SetExpr::Table(_) => true,
            _ => false,
        }
    }
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    body_reads(&query.body) && with.into_iter().all(|table| query_reads(&table.query))
}

fn parameters(query: &Query) -> Result<HashMap<String, ScalarValue>> {
    use serde_json::Value;
    let value = |name: &str, value: &Value| {
        Ok(match value {
            Value::Null => ScalarValue::Null,
            Value::Bool(value) => ScalarValue::Boolean(Some(*value)),
            Value::String(value) => ScalarValue::Utf8(Some(value.clone())),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => ScalarValue::Int64(Some(number)),
                (None, Some(number)) => ScalarValue::UInt64(Some(number)),
                (None, None) => ScalarValue::Float64(number.as_f64()),
            },
            Value::Array(_) | Value::Object(_) => {
                return Err(DataFusionError::Plan(format!("parameter '{name}' is no string, number, boolean or null")));
            }
        })
    };
    query.parameters.iter().map(|(name, json)| Ok((name.clone(), value(name, json)?))).collect()
}
