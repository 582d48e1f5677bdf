//! What a plan may make in memory that DataFusion does not count.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, WindowFunctionDefinition};

use super::bounded::BOUNDED;

/// Functions that copy texts, in addition to the bounded ones.
const COPYING: &[&str] = &["||", "get_field", "named_struct", "row", "struct", "to_char"];
/// Aggregates that may also be window functions: their value for a row is one number, or one value of the rows. `array_agg` is not one of
/// them: its values would hold every row of each frame.
const WINDOWED: &[&str] = &[
    "any_value",
    "approx_distinct",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "first_value",
    "last_value",
    "max",
    "min",
    "nth_value",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "sum",
    "var",
    "var_pop",
];

/// Window functions that look at a row so many rows away, which is their second argument. They hold the rows between.
const SHIFTING: &[&str] = &["lag", "lead"];
/// The most rows that they may be away.
const MAX_SHIFT: u64 = 100_000;

/// Operators that match a regular expression.
const PATTERNS: &[Operator] = &[Operator::RegexMatch, Operator::RegexIMatch, Operator::RegexNotMatch, Operator::RegexNotIMatch];

/// The calls of a plan that make texts, and the bytes of its constants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) calls: usize,
    pub(crate) constants: usize,
}

impl Cost {
    /// The cost of a plan.
    ///
    /// # Errors
    /// Only errors of the traversal itself.
    pub(crate) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut cost = Self::default();
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    cost.add(expr);
                    // The members of a list are compared with, and copied for no row.
                    Ok(if matches!(expr, Expr::InList(_)) { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
                })
            })
        })?;
        Ok(cost)
    }

    fn add(&mut self, expr: &Expr) {
        match expr {
            Expr::ScalarFunction(call) if BOUNDED.contains(&call.func.name()) || COPYING.contains(&call.func.name()) => self.calls += 1,
            Expr::Literal(value, _) => self.constants = self.constants.saturating_add(size(value)),
            Expr::InList(list) => {
                let _ = list.expr.apply(|expr| {
                    self.add(expr);
                    Ok(TreeNodeRecursion::Continue)
                });
            }
            _ => {}
        }
    }
}

/// The bytes of a constant beyond those of a number.
fn size(value: &ScalarValue) -> usize {
    match value {
        ScalarValue::Binary(Some(bytes)) | ScalarValue::BinaryView(Some(bytes)) | ScalarValue::LargeBinary(Some(bytes)) => bytes.len(),
        ScalarValue::FixedSizeBinary(size, _) => usize::try_from(*size).unwrap_or_default(),
        ScalarValue::List(_) | ScalarValue::LargeList(_) | ScalarValue::Struct(_) => value.size(),
        _ => value.try_as_str().flatten().map_or(0, str::len),
    }
}

/// Rejects window functions whose values or rows have no bounds.
///
/// # Errors
/// If an expression is one. The error names the function and the alternative.
pub(crate) fn windowed(expr: &Expr) -> Result<()> {
    let Expr::WindowFunction(call) = expr else { return Ok(()) };
    let name = call.fun.name();
    let message = match &call.fun {
        WindowFunctionDefinition::AggregateUDF(_) if !WINDOWED.contains(&name) => {
            format!("{name} with OVER is not supported; use {name} with GROUP BY, and join its rows")
        }
        WindowFunctionDefinition::WindowUDF(_) if SHIFTING.contains(&name) && call.params.args.get(1).is_some_and(|by| !is_near(by)) => {
            format!("{name}: the number of rows must be a literal of at most {MAX_SHIFT}")
        }
        _ => return Ok(()),
    };
    Err(DataFusionError::Plan(message))
}

/// Rejects a pattern that each row makes anew. DataFusion compiles and keeps all patterns of a batch of rows.
///
/// # Errors
/// If an expression has such a pattern.
pub(crate) fn matched(expr: &Expr) -> Result<()> {
    let pattern = match expr {
        Expr::BinaryExpr(BinaryExpr { op, right, .. }) if PATTERNS.contains(op) => right,
        Expr::SimilarTo(like) => &like.pattern,
        _ => return Ok(()),
    };
    let is_constant = pattern.column_refs().is_empty() && !pattern.exists(|part| Ok(matches!(part, Expr::ScalarSubquery(_))))?;
    if is_constant {
        return Ok(());
    }
    Err(DataFusionError::Plan("the pattern of ~ and SIMILAR TO must be a constant; use regexp_like(text, pattern)".into()))
}

/// Whether a number of rows is a literal within the bounds.
fn is_near(by: &Expr) -> bool {
    match by {
        Expr::Negative(by) => is_near(by),
        Expr::Literal(value, _) => match value.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(Some(rows))) => rows.unsigned_abs() <= MAX_SHIFT,
            Ok(value) => value.is_null(),
            Err(_) => false,
        },
        _ => false,
    }
}
