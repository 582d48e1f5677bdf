//! The tables of SQL: one for each view, over its hot rows and its files of one moment.
//!
//! A table is [`Stored`] rows under a projection that shows nanoseconds as milliseconds. The projection is a plain logical plan,
//! so DataFusion's optimizer sees through it: filters, columns and limits reach the files, and a duration's sum divides once a row of
//! the columns it needs and no others.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use chrono::NaiveDate;
use datafusion::catalog::{Session, TableProvider, view::ViewTable};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, cast, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use crate::catalog::files::LiveFile;
use crate::model::shape::{NANOSECONDS, Shape};
use crate::parquet::reader::{Files, pruned};
use crate::present::snapshot::Contents;
use crate::query::answers::Reads;
use crate::query::recent::Unsummed;

/// Hot rows in a partition of a scan at least: fewer are not worth a second core.
const HOT_PARTITION_ROWS: usize = 64 << 10;

/// A view's table at one moment.
pub(crate) fn table(
    shape: &Arc<Shape>,
    contents: Contents,
    unsummed: Option<Unsummed>,
    files: &Files,
    reads: &Arc<Reads>,
) -> Result<Arc<dyn TableProvider>> {
    let name = TableReference::bare(shape.name());
    let columns = shape.stored.fields().iter().enumerate().map(|(at, field)| {
        let column = Expr::Column(Column::new(Some(name.clone()), field.name()));
        match shape.is_duration(at) {
            true => (cast(column, DataType::Float64) / lit(NANOSECONDS)).alias(field.name()),
            false => column,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    let shows_all_as_stored = (0..columns.len()).all(|at| !shape.is_duration(at));
    let stored = Arc::new(Stored { shape: Arc::clone(shape), contents, unsummed, files: files.clone(), reads: Arc::clone(reads) });
    if shows_all_as_stored {
        return Ok(stored);
    }
    let plan = LogicalPlanBuilder::scan(name, provider_as_source(stored), None)?.project(columns)?.build()?;
    Ok(Arc::new(Shown(ViewTable::new(plan, None))))
}

/// A table to whoever asks, and a plan to the optimizer.
#[derive(Debug)]
struct Shown(ViewTable);

#[async_trait]
impl TableProvider for Shown {
    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        self.0.get_logical_plan()
    }

    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.0.scan(state, projection, filters, limit).await
    }
}

/// A table's rows as they are held.
#[derive(Debug)]
struct Stored {
    shape: Arc<Shape>,
    contents: Contents,
    /// Of a rollup, the rows that its files do not hold yet.
    unsummed: Option<Unsummed>,
    files: Files,
    /// Where a scan tells what it reads.
    reads: Arc<Reads>,
}

#[async_trait]
impl TableProvider for Stored {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.shape.stored)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters cut what is read; DataFusion then moves its own filter into the scan of the files and keeps it above the hot rows.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = &self.shape.stored;
        let predicate = conjunction(filters.to_vec())
            .map(|filter| state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(schema))?))
            .transpose()?;
        let partitions = state.config().target_partitions();
        let files = pruned(&self.contents.files, |file| &file.extent, predicate.as_ref(), schema);
        let hot = pruned(&self.contents.hot, |hot| &hot.extent, predicate.as_ref(), schema);
        self.reads.note(self.shape.name(), &files, &hot);
        let mut parts: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        let files = match &self.unsummed {
            None => files,
            Some(unsummed) => {
                let pending = unsummed.pending(predicate.as_ref(), schema);
                self.reads.note(unsummed.shape.name(), &pending.files, &pending.hot);
                let (settled, open) = by_settlement(files, &pending.days);
                if !open.is_empty() || !pending.days.is_empty() {
                    parts.push(unsummed.plan(state, &self.files, &self.shape, &open, &pending, (projection, filters))?);
                }
                settled
            }
        };
        if !files.is_empty() {
            parts.push(self.files.scan(&self.shape, &files, partitions, projection, limit)?);
        }
        if !hot.is_empty() {
            let rows: Vec<RecordBatch> = hot.iter().map(|hot| hot.rows.clone()).collect();
            parts.push(MemorySourceConfig::try_new_exec(&shared_out(rows, partitions), Arc::clone(schema), projection.cloned())?);
        }
        if parts.is_empty() {
            let projected = match projection {
                Some(columns) => Arc::new(schema.project(columns)?),
                None => Arc::clone(schema),
            };
            return Ok(Arc::new(EmptyExec::new(projected)));
        }
        UnionExec::try_new(parts)
    }
}

/// A rollup's files that are their day's only rows, and the others.
fn by_settlement(files: Vec<Arc<LiveFile>>, pending: &BTreeSet<i64>) -> (Vec<Arc<LiveFile>>, Vec<Arc<LiveFile>>) {
    let mut in_day: BTreeMap<NaiveDate, usize> = BTreeMap::new();
    for file in &files {
        *in_day.entry(file.date).or_default() += 1;
    }
    let pending: BTreeSet<NaiveDate> = pending.iter().map(|day| crate::decode::shaped::date(*day)).collect();
    files.into_iter().partition(|file| in_day.get(&file.date) == Some(&1) && !pending.contains(&file.date))
}

/// Batches in runs of about as many rows each.
fn shared_out(batches: Vec<RecordBatch>, partitions: usize) -> Vec<Vec<RecordBatch>> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let each = rows.div_ceil(partitions.max(1)).max(HOT_PARTITION_ROWS);
    let mut runs = vec![Vec::new()];
    let mut filled = 0;
    for batch in batches {
        if filled >= each {
            runs.push(Vec::new());
            filled = 0;
        }
        filled += batch.num_rows();
        if let Some(run) = runs.last_mut() {
            run.push(batch);
        }
    }
    runs
}
