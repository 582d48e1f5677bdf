//! Summing as a plan step that is opaque to the optimizer, which must not push a filter on a sum below the summing.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt as _;

use crate::rollup::{Binning, Combiner};

/// The operation on the rows of a plan.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Keeps only these columns.
    Narrow(Vec<usize>),
    /// Sums the view's rows into partial rows.
    Partials,
    /// Combines sorted partial rows into rows of the rollup, and keeps only these columns.
    Combine(Vec<usize>),
}

/// A step over a plan that the optimizer does not see.
#[derive(Debug)]
pub(crate) struct Summing {
    input: Arc<dyn ExecutionPlan>,
    binning: Arc<Binning>,
    step: Step,
    properties: Arc<PlanProperties>,
}

impl Summing {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, binning: Arc<Binning>, step: Step) -> Self {
        let partitions = input.properties().partitioning.partition_count();
        let schema = match &step {
            // The columns come from this schema, so `project` does not fail.
            Step::Narrow(columns) => input.schema().project(columns).map(Arc::new).unwrap_or_else(|_| input.schema()),
            Step::Partials => Arc::clone(binning.schema()),
            Step::Combine(columns) => binning.schema().project(columns).map(Arc::new).unwrap_or_else(|_| Arc::clone(binning.schema())),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, binning, step, properties: Arc::new(properties) }
    }
}

impl DisplayAs for Summing {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RollupExec: sums the rows of recent days while reading them")
    }
}

impl ExecutionPlan for Summing {
    fn name(&self) -> &'static str {
        "RollupExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, context)?;
        let binning = Arc::clone(&self.binning);
        let schema = Arc::clone(self.properties.eq_properties.schema());
        let rows = match self.step.clone() {
            Step::Narrow(columns) => rows.map(move |rows| Ok(rows?.project(&columns)?)).boxed(),
            Step::Partials => rows.map(move |rows| binning.partials(&rows?).map_err(internal)).boxed(),
            Step::Combine(shown) => {
                let state = Some((rows, Combiner::new(binning)));
                let combined = futures::stream::try_unfold(state, |state| async move {
                    let Some((mut rows, mut combiner)) = state else { return Ok(None) };
                    match rows.next().await {
                        Some(batch) => {
                            let done = combiner.push(&batch?).map_err(internal)?;
                            Ok::<_, DataFusionError>(Some((done, Some((rows, combiner)))))
                        }
                        None => Ok(combiner.finish().map(|last| (last, None))),
                    }
                });
                combined.map(move |rows| Ok(rows?.project(&shown)?)).boxed()
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// Wraps an error of the summing for DataFusion.
pub(crate) fn internal(error: anyhow::Error) -> DataFusionError {
    DataFusionError::External(error.into())
}
