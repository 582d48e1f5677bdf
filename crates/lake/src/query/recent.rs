//! The part of a rollup's table that is not fully summed yet.
//!
//! # Promise
//! The rows are as [`crate::rollup`] promises: one row per key and bin, which is the exact aggregate of the view's rows in the query's
//! snapshot.
//!
//! # How
//! Partial rows have three sources: several rollup files of one day, files of the view that are in no rollup yet, and hot rows. The latter
//! two are summed as they are read. One merge by (server, labels…, ts) joins all sources, and a [`crate::rollup::Combiner`] leaves one row
//! per key and bin. Only the columns that the query needs are read, and the columns that their sums need. Filters on the key are pushed down
//! to the files, because all rows of a key pass or fail together.
//!
//! DataFusion sees this plan as a leaf. Its optimizer must not push a filter on a sum below the summing, or split the merge.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use pganalytics_views::{SERVER, TS};

use super::summing::{Step, Summing, internal};
use crate::model::{Extent, Hot, LiveFile, Shape, day};
use crate::parquet::{ASCENDING, Files, pruned};
use crate::present::Contents;
use crate::rollup::{Binning, Narrowed};

/// The source of a rollup's newest rows: the view's rows that no rollup file holds.
#[derive(Debug)]
pub(crate) struct Unsummed {
    pub(crate) shape: Arc<Shape>,
    pub(crate) binning: Arc<Binning>,
    pub(crate) contents: Contents,
}

/// Rows of a view that a query may need, and the days of their bins.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) files: Vec<Arc<LiveFile>>,
    pub(crate) hot: Vec<Arc<Hot>>,
    pub(crate) days: BTreeSet<i64>,
}

impl Unsummed {
    /// The rows that may match a query's predicate.
    pub(crate) fn pending(&self, predicate: Option<&Arc<dyn PhysicalExpr>>, schema: &SchemaRef) -> Pending {
        // The predicate is about bins, so the extents are widened to whole bins.
        let bin = self.binning.bin();
        let in_bins = |extent: &Extent| Extent {
            min_ts: extent.min_ts.div_euclid(bin) * bin,
            max_ts: extent.max_ts.div_euclid(bin) * bin,
            ..extent.clone()
        };
        let files: Vec<_> = self.contents.files.iter().filter(|file| !file.rolled_up).collect();
        let files: Vec<_> = files.into_iter().map(|file| Arc::new((in_bins(&file.extent), Arc::clone(file)))).collect();
        let hot: Vec<_> = self.contents.hot.iter().map(|hot| Arc::new((in_bins(&hot.extent), Arc::clone(hot)))).collect();
        let files = pruned(&files, |part| &part.0, predicate, schema);
        let hot = pruned(&hot, |part| &part.0, predicate, schema);
        let extents = files.iter().map(|part| &part.0).chain(hot.iter().map(|part| &part.0));
        let days = extents.flat_map(|extent| day::of(extent.min_ts)..=day::of(extent.max_ts)).collect();
        Pending {
            files: files.iter().map(|part| Arc::clone(&part.1)).collect(),
            hot: hot.iter().map(|part| Arc::clone(&part.1)).collect(),
            days,
        }
    }

    /// A plan that combines the rows of the rollup files `summed` and the rows of `pending`.
    pub(crate) fn plan(
        &self,
        state: &dyn Session,
        files: &Files,
        rollup: &Shape,
        summed: &[Arc<LiveFile>],
        pending: &Pending,
        (projection, filters): (Option<&Vec<usize>>, &[Expr]),
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Narrowed { binning, rollup_columns, raw_columns, shown } = self.binning.narrowed(projection).map_err(internal)?;
        let binning = Arc::new(binning);
        let key: BTreeSet<&str> = rollup.order.iter().map(|at| rollup.stored.field(*at).name().as_str()).collect();
        let on_key = |filter: &&Expr| filter.column_refs().iter().all(|column| key.contains(column.name.as_str()));
        let of_labels = |filter: &&Expr| filter.column_refs().iter().all(|column| column.name != TS && key.contains(column.name.as_str()));
        let mut parts: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !summed.is_empty() {
            let predicate = physical(state, filters.iter().filter(on_key), &rollup.stored)?;
            parts.push(files.each(rollup, summed, Some(&rollup_columns), predicate)?);
        }
        // A row's `ts` is never before the start of its bin, so a lower bound for bins is also a lower bound for rows.
        let of_moments = |filter: &&Expr| of_labels(filter) || is_lower_bound(filter);
        let predicate = || physical(state, filters.iter().filter(of_moments), &self.shape.stored);
        let summing = |input| -> Arc<dyn ExecutionPlan> { Arc::new(Summing::new(input, Arc::clone(&binning), Step::Partials)) };
        if !pending.files.is_empty() {
            parts.push(summing(files.each(&self.shape, &pending.files, Some(&raw_columns), predicate()?)?));
        }
        let order = order(&binning)?;
        if !pending.hot.is_empty() {
            let rows: Vec<RecordBatch> = pending.hot.iter().map(|hot| hot.rows.clone()).collect();
            let mut hot: Arc<dyn ExecutionPlan> = MemorySourceConfig::try_new_exec(&[rows], Arc::clone(&self.shape.stored), None)?;
            if let Some(predicate) = predicate()? {
                hot = Arc::new(FilterExec::try_new(predicate, hot)?);
            }
            let hot = Arc::new(Summing::new(hot, Arc::clone(&binning), Step::Narrow(raw_columns)));
            parts.push(Arc::new(SortExec::new(order.clone(), summing(hot)).with_preserve_partitioning(true)));
        }
        let merged = Arc::new(SortPreservingMergeExec::new(order, UnionExec::try_new(parts)?));
        Ok(Arc::new(Summing::new(merged, binning, Step::Combine(shown))))
    }
}

fn physical<'a>(state: &dyn Session, filters: impl Iterator<Item = &'a Expr>, schema: &SchemaRef) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    conjunction(filters.cloned()).map(|filter| state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(schema))?)).transpose()
}

/// Whether a filter is `ts >= …` or `ts > …`.
fn is_lower_bound(filter: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return false };
    match (left.as_ref(), op, right.as_ref()) {
        (Expr::Column(column), Operator::GtEq | Operator::Gt, Expr::Literal(..))
        | (Expr::Literal(..), Operator::LtEq | Operator::Lt, Expr::Column(column)) => column.name == TS,
        _ => false,
    }
}

fn order(binning: &Binning) -> Result<LexOrdering> {
    let sorted = binning.key().iter().map(|at| {
        let name = binning.schema().field(*at).name();
        PhysicalSortExpr::new(Arc::new(Column::new(name, *at)), ASCENDING)
    });
    LexOrdering::new(sorted).ok_or_else(|| DataFusionError::Internal(format!("a rollup has no {SERVER} and {TS}")))
}
