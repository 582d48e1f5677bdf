//! Operators between typed expressions, as the statement is planned.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable as _, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::compare::{compared, same_text};
use super::functions::Functions;
use super::kinds::{Family, refused, type_name, unknown};
use super::patterns::regex;

/// Plans operators with PostgreSQL's meaning.
#[derive(Debug)]
pub(crate) struct Operators {
    pub(crate) functions: Arc<Functions>,
}

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{
            Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, PGExp, PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch,
            PGRegexNotMatch, PGStartsWith, Plus, StringConcat,
        };
        // DataFusion says where a column is that does not exist.
        if expr.left.get_type(schema).is_err() || expr.right.get_type(schema).is_err() {
            return Ok(PlannerResult::Original(expr));
        }
        let RawBinaryExpr { op, left, right } = expr;
        match op {
            Plus | Minus | Multiply | Divide | Modulo | PGExp => self.arithmetic(op, left, right, schema),
            Eq | NotEq | Lt | LtEq | Gt | GtEq => {
                let (left, right) = compared(&self.functions, left, right, schema)?;
                Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
            }
            StringConcat => {
                let is_text = |side: &Expr| {
                    Ok::<_, datafusion::error::DataFusionError>(matches!(Family::of(&side.get_type(schema)?), Family::Text | Family::Null))
                };
                if !is_text(&left)? && !is_text(&right)? {
                    let types = (left.get_type(schema)?, right.get_type(schema)?);
                    return Err(refused(format!(
                        "operator does not exist: {} || {}; cast one of them with ::text",
                        type_name(&types.0),
                        type_name(&types.1)
                    )));
                }
                let as_text = |side: Expr| {
                    Ok::<_, datafusion::error::DataFusionError>(if is_text(&side)? {
                        side
                    } else {
                        self.functions.call("text", vec![side])?
                    })
                };
                Ok(PlannerResult::Original(RawBinaryExpr { op, left: as_text(left)?, right: as_text(right)? }))
            }
            PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch => {
                same_text(&left, schema, "a regular expression")?;
                let right = match unknown(&right) {
                    Some(pattern) => lit(regex(pattern, false)?),
                    None => self.functions.call("regex", vec![right])?,
                };
                Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
            }
            PGStartsWith => Ok(PlannerResult::Planned(self.functions.call("starts_with", vec![left, right])?)),
            _ => Ok(PlannerResult::Original(RawBinaryExpr { op, left, right })),
        }
    }
}

impl Operators {
    fn arithmetic(&self, op: BinaryOperator, left: Expr, right: Expr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Divide, Minus, Modulo, Multiply, PGExp, Plus};
        use Family::{Date, Interval, Null, Number};
        let (left_type, right_type) = (left.get_type(schema)?, right.get_type(schema)?);
        let (left, right) = self.resolved(&op, (left, Family::of(&left_type)), (right, Family::of(&right_type)))?;
        let sides = (Family::of(&left.get_type(schema)?), Family::of(&right.get_type(schema)?));
        let call = |name: &str, args: Vec<Expr>| Ok(PlannerResult::Planned(self.functions.call(name, args)?));
        let same = |left: Expr, right: Expr| Ok(PlannerResult::Original(RawBinaryExpr { op: op.clone(), left, right }));
        let missing =
            || refused(format!("operator does not exist: {} {op} {}; cast one of them", type_name(&left_type), type_name(&right_type)));
        match (sides.0, &op, sides.1) {
            (Number(_) | Null, PGExp, Number(_) | Null) => call("power", vec![left, right]),
            (Null, _, Null) => same(left, right),
            (Number(_), _, Number(_) | Null) | (Null, _, Number(_)) => {
                let name = match op {
                    Plus => "+",
                    Minus => "-",
                    Multiply => "*",
                    Divide => "/",
                    Modulo => "%",
                    _ => return Err(missing()),
                };
                call(name, vec![left, right])
            }
            (Date, Minus, Date) => call("date_minus", vec![left, right]),
            (Date, Plus, Number(_)) => call("date_plus", vec![left, self.functions.call("int4", vec![right])?]),
            (Number(_), Plus, Date) => call("date_plus", vec![right, self.functions.call("int4", vec![left])?]),
            (Date, Minus, Number(_)) => {
                let days = self.functions.call("int4", vec![self.functions.call("-", vec![lit(0_i64), right])?])?;
                call("date_plus", vec![left, days])
            }
            (a, Minus, b) if a.is_moment() && b.is_moment() => call("moment_minus", vec![left, right]),
            (a, Plus | Minus, Interval) if a.is_moment() => same(self.moment(left, a)?, right),
            (Interval, Plus, b) if b.is_moment() => same(self.moment(right, b)?, left),
            (Interval, Multiply, Number(_)) => call("interval_times", vec![left, right]),
            (Number(_), Multiply, Interval) => call("interval_times", vec![right, left]),
            (Interval, Divide, Number(_)) => call("interval_divide", vec![left, right]),
            (Interval, Plus | Minus, Interval | Null) | (Null, Plus | Minus, Interval) => same(left, right),
            (Null, ..) | (_, _, Null) => same(left, right),
            _ => Err(missing()),
        }
    }

    /// A date as a timestamp: an interval may have hours.
    fn moment(&self, expr: Expr, family: Family) -> Result<Expr> {
        if family == Family::Date { self.functions.call("timestamp", vec![expr]) } else { Ok(expr) }
    }

    /// Gives a string literal the type that PostgreSQL gives it beside the other side.
    fn resolved(
        &self,
        op: &BinaryOperator,
        (left, left_family): (Expr, Family),
        (right, right_family): (Expr, Family),
    ) -> Result<(Expr, Expr)> {
        let as_type = |literal: Expr, other: Family| -> Result<Expr> {
            let name = match other {
                Family::Interval if matches!(op, BinaryOperator::Multiply | BinaryOperator::Divide) => "float8",
                Family::Interval => "interval",
                Family::Timestamp | Family::Timestamptz | Family::Date if *op == BinaryOperator::Plus => "interval",
                Family::Timestamp => "timestamp",
                Family::Timestamptz => "timestamptz",
                Family::Date => "date",
                Family::Number(number) => super::compare::cast_to(number),
                _ => return Ok(literal),
            };
            self.functions.call(name, vec![literal])
        };
        match (unknown(&left).is_some(), unknown(&right).is_some()) {
            (true, false) => Ok((as_type(left, right_family)?, right)),
            (false, true) => {
                let right = as_type(right, left_family)?;
                Ok((left, right))
            }
            _ => Ok((left, right)),
        }
    }
}
