//! Plans one statement, and runs the plan or takes the answer from the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use datafusion::catalog::SchemaProvider;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::{MemoryConsumer, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::Statement;
use futures::StreamExt as _;

use super::answers::{Answers, Rows};
use super::budget::Budget;
use super::dialect::{self, Functions};
use super::dictionary::dictionary;
use super::functions::{self, Cost};
use super::guard::parameters;
use super::memory::{CONSOLES, Part, Total};
use super::operators;
use super::question::{Purpose, Query};
use super::reads::Reads;
use super::session::session;
use super::settled::is_settled;
use super::spill::Spill;
use super::stop::Stop;
use super::tables::{Tables, catalog};
use crate::model::Shapes;
use crate::parquet::Files;
use crate::present::{Present, Snapshot};

/// The largest answer in bytes of memory. A larger answer is truncated, like an answer with too many rows.
const MAX_ANSWER: usize = 64 << 20;
/// How many memory consumers an error names if memory runs out.
const NAMED_CONSUMERS: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN;
/// The most rows of a query that sets no limit: more than a person reads.
const UNASKED_ROWS: usize = 10_000;

/// Plans and runs statements.
#[derive(Debug)]
pub(crate) struct Executor {
    template: SessionState,
    dialect: Arc<Functions>,
    dictionary: Arc<dyn SchemaProvider>,
    shapes: Arc<Shapes>,
    present: Arc<Present>,
    files: Files,
    answers: Option<Answers>,
    /// The memory and disk of pages, and of consoles.
    pages: Arc<RuntimeEnv>,
    consoles: Arc<RuntimeEnv>,
    /// Keeps the spill folder locked while queries may write to it.
    _spill: Spill,
    max_rows: usize,
    /// The number of answers from the cache.
    pub(crate) kept: AtomicU64,
}

impl Executor {
    /// Creates the executor. `memory` is in bytes, for all statements together; `max_rows` is the limit of one answer.
    pub(crate) fn new(
        (memory, max_rows): (usize, usize),
        shapes: Arc<Shapes>,
        present: Arc<Present>,
        files: Files,
        spill: Spill,
        answers: Option<Answers>,
    ) -> anyhow::Result<Self> {
        let (template, dialect) = session(memory)?;
        let total = Arc::new(Total::new(memory));
        let (some, all) = CONSOLES;
        let part = |name, limit, disk| {
            let pool = TrackConsumersPool::new(Part::new(name, limit, Arc::clone(&total)), NAMED_CONSUMERS);
            anyhow::Ok(files.runtime(Arc::new(pool), Arc::new(spill.disk(disk).build()?)))
        };
        let pages = part("pages", memory, ((all - some) as u64, all as u64))?;
        let consoles = part("consoles", memory / all * some, (some as u64, all as u64))?;
        let dictionary = dictionary(&shapes)?;
        Ok(Self {
            template,
            dialect,
            dictionary,
            shapes,
            present,
            files,
            answers,
            pages,
            consoles,
            _spill: spill,
            max_rows,
            kept: AtomicU64::new(0),
        })
    }

    /// Plans a statement over a snapshot, and runs it unless its answer is cached. `reads` receives the files and hot rows that it reads.
    pub(crate) async fn execute(
        &self,
        statement: Statement,
        query: &Query,
        stop: Stop,
        snapshot: Snapshot,
        reads: Arc<Reads>,
    ) -> Result<Rows> {
        let began = Instant::now();
        let max_rows = query.max_rows.unwrap_or(UNASKED_ROWS).min(self.max_rows);
        let mut state = self.template.clone();
        state.register_catalog_list(catalog(self.tables(snapshot, Arc::clone(&reads)), Arc::clone(&self.dictionary))?);
        take(&mut state, Budget::of_planning(stop.clone()));
        let plan = state.statement_to_plan(dialect::rewritten(statement, &query.parameters)?).await?;
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(&plan)?;
        let plan = dialect::typed(&self.dialect, plan.with_param_values(parameters(query)?)?)?;
        functions::bounded(&plan)?;
        let answers = self.answers.as_ref().filter(|_| is_settled(&plan).unwrap_or_default());
        let plan = match plan {
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_) => plan,
            // One row more than the limit shows whether there are more rows.
            plan => LogicalPlanBuilder::from(plan).limit(0, Some(max_rows.saturating_add(1)))?.build()?,
        };
        // A parameter is a constant at each of its places, which the optimizer copies.
        Budget::of(0, Cost::of(&plan)?.constants, stop.clone())?;
        let plan = state.optimize(&plan)?;
        // Constants that functions make are known now.
        let Cost { calls, constants } = Cost::of(&plan)?;
        let budget = Budget::of(calls, constants, stop)?;
        let copied = budget.copied_row();
        take(&mut state, budget);
        let plan = state.query_planner().create_physical_plan(&plan, &state).await?;
        let plan = operators::guarded(plan, copied)?;
        // Planning has recorded what the statement reads; nothing is read yet.
        let kept = answers.and_then(|answers| Some((answers, answers.name(query, max_rows, &plan.schema(), &reads)?)));
        if let Some((answers, name)) = &kept
            && let Some(rows) = answers.get(name).await
        {
            self.kept.fetch_add(1, Ordering::Relaxed);
            return Ok(rows);
        }
        let runtime = match query.purpose {
            Purpose::Page => &self.pages,
            Purpose::Console => &self.consoles,
        };
        let rows = rows(&state, plan, max_rows, runtime).await?;
        if let Some((answers, name)) = kept {
            answers.put(name, &rows, began.elapsed());
        }
        Ok(rows)
    }

    fn tables(&self, snapshot: Snapshot, reads: Arc<Reads>) -> Tables {
        let (shapes, files, present) = (Arc::clone(&self.shapes), self.files.clone(), Arc::clone(&self.present));
        Tables { shapes, files, present, snapshot, reads }
    }
}

/// Gives a statement its bounds.
fn take(state: &mut SessionState, budget: Budget) {
    let config = state.config_mut();
    *config = std::mem::take(config).with_batch_size(budget.rows);
    config.options_mut().extensions.insert(budget);
    // Functions see the configuration of this moment.
    state.mark_start_execution();
}

/// Runs a plan and returns at most `max_rows` rows.
async fn rows(state: &SessionState, plan: Arc<dyn ExecutionPlan>, max_rows: usize, runtime: &Arc<RuntimeEnv>) -> Result<Rows> {
    let context = TaskContext::from(state).with_runtime(Arc::clone(runtime));
    let held = MemoryConsumer::new("the answer").register(&runtime.memory_pool);
    let mut counter = RecordBatchMemoryCounter::new();
    let mut rows = execute_stream(plan, Arc::new(context))?;
    let schema = dialect::plain_schema(&rows.schema());
    let (mut batches, mut count) = (Vec::new(), 0);
    while let Some(batch) = rows.next().await {
        let batch = dialect::plain_batch(batch?, &schema)?;
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
