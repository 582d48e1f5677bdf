//! Rewrites a plan whose types are known, before DataFusion casts implicitly.
//!
//! - Integer literals that fit are `integer`, as in PostgreSQL.
//! - Comparisons, branches and arguments have the types that PostgreSQL gives them, or are refused.
//! - In `a and b`, `b` is not computed where `a` is false, if `b` may fail. DataFusion computes conditions in any order, and would fail with
//!   "division by zero" for rows that another condition leaves out.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{InList, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Case, Distinct, Expr, ExprSchemable as _, LogicalPlan, Operator, Union};

use super::compare::{compared, key, literal_as, same_text, unified};
use super::conditions::guarded;
use super::functions::Functions;
use super::kinds::{Family, refused, unknown};
use super::{calls, rows};

/// Rewrites a plan and its subqueries.
pub(crate) fn typed(functions: &Functions, plan: LogicalPlan) -> Result<LogicalPlan> {
    // The type of a recursive query's table is fixed when its first part is planned.
    let narrows = !plan.exists(|node| Ok(matches!(node, LogicalPlan::RecursiveQuery(_))))?;
    let pass = Pass { functions, narrows };
    Ok(plan.transform_up_with_subqueries(|node| pass.node(node))?.data)
}

struct Pass<'a> {
    functions: &'a Functions,
    narrows: bool,
}

impl Pass<'_> {
    fn node(&self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        rows::check(&node)?;
        match node {
            LogicalPlan::Limit(_) | LogicalPlan::TableScan(_) => return Ok(Transformed::no(node)),
            LogicalPlan::Values(values) if self.narrows => return Ok(Transformed::yes(LogicalPlan::Values(rows::narrowed(values)?))),
            LogicalPlan::Union(Union { inputs, .. }) => {
                return Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)));
            }
            _ => {}
        }
        let schema = merge_schema(&node.inputs());
        let is_sort = matches!(node, LogicalPlan::Sort(_) | LogicalPlan::Distinct(Distinct::On(_)));
        let is_plain = matches!(&node, LogicalPlan::Aggregate(aggregate) if !aggregate.group_expr.iter().any(is_grouping_set));
        let before = Arc::clone(node.schema());
        let names = NamePreserver::new(&node);
        let rewritten = node.map_expressions(|expr| {
            // The columns of grouping sets are named after the expressions inside.
            if is_grouping_set(&expr) {
                return Ok(Transformed::no(expr));
            }
            let name = names.save(&expr);
            let expr = expr.transform_up(|expr| self.expr(expr, &schema))?;
            expr.map_data(|expr| {
                let sorts = is_sort && Family::of(&expr.get_type(&schema)?) == Family::Interval;
                match (sorts, is_plain) {
                    (true, _) => key(self.functions, expr),
                    (false, true) => Ok(expr),
                    (false, false) => Ok(name.restore(expr)),
                }
            })
        })?;
        rewritten.map_data(LogicalPlan::recompute_schema)?.map_data(|node| if is_plain { rows::renamed(node, &before) } else { Ok(node) })
    }

    fn expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        use Operator::{And, Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq, Or};
        Ok(Transformed::yes(match expr {
            Expr::Literal(ScalarValue::Int64(Some(value)), metadata) if self.narrows && rows::is_integer(value) => {
                Expr::Literal(ScalarValue::Int32(i32::try_from(value).ok()), metadata)
            }
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom),
                right,
            }) => {
                let (left, right) = compared(self.functions, *left, *right, schema)?;
                Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (And | Or), right }) => guarded(*left, op, *right),
            Expr::Between(Between { expr, negated, low, high }) => {
                let (low_side, low) = compared(self.functions, expr.as_ref().clone(), *low, schema)?;
                let (high_side, high) = compared(self.functions, *expr, *high, schema)?;
                if low_side != high_side {
                    return Err(refused("between: the bounds have different types; cast one of them"));
                }
                Expr::Between(Between::new(Box::new(low_side), negated, Box::new(low), Box::new(high)))
            }
            Expr::InList(InList { expr, list, negated }) => self.in_list(*expr, list, negated, schema)?,
            Expr::Like(like) => {
                same_text(&like.expr, schema, "like")?;
                Expr::Like(like)
            }
            Expr::Case(case) => Expr::Case(self.case(case, schema)?),
            Expr::Negative(inner) => match Family::of(&inner.get_type(schema)?) {
                Family::Number(_) if !matches!(*inner, Expr::Literal(..)) => {
                    self.functions.call("-", vec![Expr::Literal(ScalarValue::Int32(Some(0)), None), *inner])?
                }
                _ => Expr::Negative(inner),
            },
            Expr::ScalarFunction(call) => calls::scalar(self.functions, call, schema)?,
            Expr::AggregateFunction(call) => calls::aggregate(self.functions, call, schema)?,
            Expr::WindowFunction(mut call) => {
                calls::window(self.functions, &mut call, schema)?;
                let order = std::mem::take(&mut call.params.order_by);
                call.params.order_by = order.into_iter().map(|sort| self.sort(sort, schema)).collect::<Result<_>>()?;
                Expr::WindowFunction(call)
            }
            other => return Ok(Transformed::no(other)),
        }))
    }

    fn sort(&self, sort: Sort, schema: &DFSchema) -> Result<Sort> {
        let is_interval = Family::of(&sort.expr.get_type(schema)?) == Family::Interval;
        let expr = if is_interval { key(self.functions, sort.expr)? } else { sort.expr };
        Ok(Sort { expr, ..sort })
    }

    fn in_list(&self, expr: Expr, list: Vec<Expr>, negated: bool, schema: &DFSchema) -> Result<Expr> {
        let is_interval = Family::of(&expr.get_type(schema)?) == Family::Interval;
        let items = list.into_iter().map(|item| Ok(compared(self.functions, expr.clone(), item, schema)?.1)).collect::<Result<Vec<_>>>()?;
        let expr = if is_interval { key(self.functions, expr)? } else { expr };
        Ok(Expr::InList(InList::new(Box::new(expr), items, negated)))
    }

    fn case(&self, case: Case, schema: &DFSchema) -> Result<Case> {
        let Case { expr, when_then_expr, else_expr } = case;
        let (mut whens, mut thens): (Vec<Expr>, Vec<Expr>) = when_then_expr.into_iter().map(|(when, then)| (*when, *then)).unzip();
        if let Some(operand) = &expr {
            let family = Family::of(&operand.get_type(schema)?);
            for when in &mut whens {
                if unknown(when).is_some() && unknown(operand).is_none() {
                    *when = literal_as(self.functions, when.clone(), family)?;
                }
                compared(self.functions, operand.as_ref().clone(), when.clone(), schema)?;
            }
        }
        let has_else = else_expr.is_some();
        thens.extend(else_expr.map(|otherwise| *otherwise));
        let mut results = unified(self.functions, "case", thens, schema)?;
        let otherwise = if has_else { results.pop() } else { None };
        let branches = whens.into_iter().zip(results).map(|(when, then)| (Box::new(when), Box::new(then))).collect();
        Ok(Case::new(expr, branches, otherwise.map(Box::new)))
    }
}

fn is_grouping_set(expr: &Expr) -> bool {
    matches!(expr, Expr::GroupingSet(_))
}
