//! A table's stored rows: its files, its hot rows and, for a rollup, the rows that are not summed yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use chrono::NaiveDate;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use super::reads::Reads;
use super::recent::Unsummed;
use crate::model::{LiveFile, Shape, day};
use crate::parquet::{Files, pruned};
use crate::present::Contents;

/// The least hot rows in a partition of a scan. Fewer rows are not worth a second core.
const HOT_PARTITION_ROWS: usize = 64 << 10;

/// A table's stored rows, as a table for DataFusion.
#[derive(Debug)]
pub(crate) struct StoredTable {
    pub(crate) shape: Arc<Shape>,
    pub(crate) contents: Contents,
    /// For a rollup: the rows that its files do not hold yet.
    pub(crate) unsummed: Option<Unsummed>,
    pub(crate) files: Files,
    /// A scan records here what it reads.
    pub(crate) reads: Arc<Reads>,
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.shape.stored)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters choose the files and hot rows to read. DataFusion pushes its own filter into the file scan and applies it above the hot rows.
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

/// Splits a rollup's files: first the files that alone hold all rows of their day, then the others.
fn by_settlement(files: Vec<Arc<LiveFile>>, pending: &BTreeSet<i64>) -> (Vec<Arc<LiveFile>>, Vec<Arc<LiveFile>>) {
    let mut in_day: BTreeMap<NaiveDate, usize> = BTreeMap::new();
    for file in &files {
        *in_day.entry(file.date).or_default() += 1;
    }
    let pending: BTreeSet<NaiveDate> = pending.iter().map(|day| day::date(*day)).collect();
    files.into_iter().partition(|file| in_day.get(&file.date) == Some(&1) && !pending.contains(&file.date))
}

/// Distributes batches over partitions with about the same number of rows.
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
