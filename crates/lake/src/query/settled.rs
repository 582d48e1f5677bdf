//! Whether a query's answer depends only on the rows it reads.

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};

use super::schemas::PUBLIC;

/// Whether a plan's answer depends only on the rows it reads, not on the time, on chance or on this process.
///
/// # Errors
/// Only errors of the traversal itself.
pub(crate) fn is_settled(plan: &LogicalPlan) -> Result<bool> {
    let mut settled = true;
    plan.apply_with_subqueries(|node| {
        settled &= match node {
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_) | LogicalPlan::Statement(_) => false,
            LogicalPlan::TableScan(scan) => scan.table_name.schema().is_none_or(|schema| schema == PUBLIC),
            _ => true,
        };
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                settled &= match part {
                    Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Immutable,
                    Expr::ScalarVariable(..) | Expr::Placeholder(_) => false,
                    _ => true,
                };
                Ok(if settled { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
            })
        })
    })?;
    Ok(settled)
}
