//! Guards around operators of DataFusion that take memory without reserving it.
//!
//! | operator | what it takes | guard |
//! |---|---|---|
//! | window functions | the rows of the partition, or of the frame | reserves them ([`window`]) |
//! | joins, scalar subqueries, window functions | a copy of a wide row for each row of a batch | rejects rows that are too wide ([`wide`]) |
//! | `unnest` | a copy of the other columns for each element of a list | rejects rows that become too many ([`wide`]), and lists in lists |
//! | `order by max(…) limit n` | space for `n` groups before the first row | sorts all groups instead, if `n` is large |
//!
//! All other operators of DataFusion 55 reserve what they hold, or hold one batch.

mod holding;
mod passing;
mod wide;
mod window;

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use passing::Passing;

/// Operators that copy a row of an input for each row that matches it.
const COPYING: &[&str] = &[
    "CrossJoinExec",
    "HashJoinExec",
    "NestedLoopJoinExec",
    "PiecewiseMergeJoin",
    "PiecewiseMergeJoinExec",
    "ScalarSubqueryExec",
    "SortMergeJoinExec",
    "SymmetricHashJoinExec",
];

/// The most groups that an aggregation makes space for before it reads.
const MOST_TOP_GROUPS: usize = 10_000;

/// A plan with guards. `copied` is the most bytes of a row that may be copied once for each row of a batch.
///
/// # Errors
/// If DataFusion cannot rebuild the plan.
pub(crate) fn guarded(plan: Arc<dyn ExecutionPlan>, copied: usize) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let checked = |node: Arc<dyn ExecutionPlan>, check: fn(usize) -> passing::Check| {
            // The first child of a node with subqueries is no subquery.
            let skipped = usize::from(node.name() == "ScalarSubqueryExec");
            let children = node.children().into_iter().enumerate();
            let children = children.map(|(at, child)| match at >= skipped && has_wide(&child.schema()) {
                true => Arc::new(Passing::new(Arc::clone(child), check(copied))) as Arc<dyn ExecutionPlan>,
                false => Arc::clone(child),
            });
            let children = children.collect();
            replace_children_if_necessary(node, children)
        };
        Ok(if COPYING.contains(&node.name()) {
            Transformed::yes(checked(node, passing::Check::Copied)?)
        } else if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
            // The limit is a hint. The sort above has it, too.
            match aggregate.limit_options() {
                Some(options) if options.limit > MOST_TOP_GROUPS => Transformed::yes(Arc::new(aggregate.with_new_limit_options(None))),
                _ => Transformed::no(node),
            }
        } else if let Some(unnest) = node.downcast_ref::<UnnestExec>() {
            if unnest.list_column_indices().iter().any(|list| list.depth > 1) {
                return Err(DataFusionError::Plan("unnest of a list in a list is not supported; unnest one after the other".into()));
            }
            Transformed::yes(checked(node, passing::Check::Unnested)?)
        } else if node.is::<WindowAggExec>() || node.is::<BoundedWindowAggExec>() {
            Transformed::yes(window::reserving(checked(node, passing::Check::Copied)?)?)
        } else {
            Transformed::no(node)
        })
    })
    .data()
}

/// Whether rows of a schema have values without a bound, of which each row has its own copy. Copies of a text view share the text.
fn has_wide(schema: &Schema) -> bool {
    fn is_wide(r#type: &DataType) -> bool {
        match r#type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => true,
            DataType::Struct(fields) => fields.iter().any(|field| is_wide(field.data_type())),
            other => other.is_nested(),
        }
    }
    schema.fields().iter().any(|field| is_wide(field.data_type()))
}
