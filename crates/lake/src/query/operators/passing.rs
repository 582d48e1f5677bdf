//! An operator that passes rows on unchanged, and looks at them.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt as _;

use super::holding::Holding;
use super::wide::{copied, unnested};

/// Looks at a batch of rows.
type Look = Box<dyn FnMut(&RecordBatch) -> Result<()> + Send>;

/// What is looked at.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// No row has more than this many bytes, because the next operator copies rows.
    Copied(usize),
    /// No row becomes too many rows, each with a copy of the other columns. The number is that of [`Check::Copied`].
    Unnested(usize),
    /// The rows that go into a window operator are reserved.
    IntoWindow(Arc<Holding>),
    /// The rows that come out of it are not pending any more.
    OutOfWindow(Arc<Holding>),
}

/// Passes rows on.
#[derive(Debug)]
pub(crate) struct Passing {
    input: Arc<dyn ExecutionPlan>,
    check: Check,
}

impl Passing {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, check: Check) -> Self {
        Self { input, check }
    }
}

impl DisplayAs for Passing {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.check {
            Check::Copied(bytes) => write!(f, "GuardExec: rows of at most {bytes} bytes"),
            Check::Unnested(_) => write!(f, "GuardExec: lists that do not become too many rows"),
            Check::IntoWindow(_) => write!(f, "GuardExec: rows that the window holds are reserved"),
            Check::OutOfWindow(_) => write!(f, "GuardExec: rows that leave the window"),
        }
    }
}

impl ExecutionPlan for Passing {
    fn name(&self) -> &'static str {
        "GuardExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return Err(DataFusionError::Internal("GuardExec without an input".into())) };
        Ok(Arc::new(Self { input, check: self.check.clone() }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.input.schema();
        let mut look: Look = match &self.check {
            Check::Copied(most) => {
                let most = *most;
                Box::new(move |rows| copied(rows, most))
            }
            Check::Unnested(most) => {
                let most = *most;
                Box::new(move |rows| unnested(rows, most))
            }
            Check::IntoWindow(holding) => {
                let held = holding.taken(partition)?;
                Box::new(move |rows| held.take_in(rows))
            }
            Check::OutOfWindow(holding) => {
                let held = holding.given(partition, &context);
                Box::new(move |rows| held.let_out(rows))
            }
        };
        // For a window, this executes the input of the window too.
        let rows = self.input.execute(partition, context)?;
        let rows = rows.map(move |rows| {
            let rows = rows?;
            look(&rows)?;
            Ok(rows)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}
