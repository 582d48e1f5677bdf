//! Rewrites a parsed statement: constructs that DataFusion reads otherwise become calls of this dialect's functions.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, Expr, Fetch, LimitClause, Query, Select, TableFactor, UnaryOperator, Value, ValueWithSpan, VisitMut as _,
    VisitorMut,
};

use super::build::{call, string, text};
use super::kinds::refused;
use super::literals::{number, parameter};
use super::patterns::{like, similar};
use super::types::{cast_call, interval_call};
use super::{names, syntax_calls};

/// Rewrites a statement, with the values of its parameters.
pub(crate) fn rewritten(statement: Statement, parameters: &BTreeMap<String, serde_json::Value>) -> Result<Statement> {
    match statement {
        Statement::Statement(mut inner) => {
            let mut visitor = Rewriting { parameters };
            match inner.visit(&mut visitor) {
                ControlFlow::Break(error) => Err(*error),
                ControlFlow::Continue(()) => Ok(Statement::Statement(inner)),
            }
        }
        Statement::Explain(mut explain) => {
            explain.statement = Box::new(rewritten(*explain.statement, parameters)?);
            Ok(Statement::Explain(explain))
        }
        other => Ok(other),
    }
}

struct Rewriting<'a> {
    parameters: &'a BTreeMap<String, serde_json::Value>,
}

fn flow(result: Result<()>) -> ControlFlow<Box<DataFusionError>> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

impl VisitorMut for Rewriting<'_> {
    type Break = Box<DataFusionError>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        flow(self.expr(expr))
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        flow(fetched(query))
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        syntax_calls::series(factor);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        names::unique(&mut select.projection);
        ControlFlow::Continue(())
    }
}

/// `fetch first 10 rows only` is `limit 10`.
fn fetched(query: &mut Query) -> Result<()> {
    let Some(Fetch { with_ties, percent, quantity }) = query.fetch.take() else { return Ok(()) };
    if with_ties || percent {
        return Err(refused("fetch first … with ties and percent are not supported; use rank() in a subquery"));
    }
    let count = quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".into(), false).into()));
    match query.limit_clause.get_or_insert(LimitClause::LimitOffset { limit: None, offset: None, limit_by: Vec::new() }) {
        LimitClause::LimitOffset { limit: limit @ None, .. } => *limit = Some(count),
        _ => return Err(refused("a statement has limit or fetch first, not both")),
    }
    Ok(())
}

impl Rewriting<'_> {
    fn expr(&self, expr: &mut Expr) -> Result<()> {
        if let Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) = expr
            && let Some(value) = self.parameters.get(name.trim_start_matches('$'))
        {
            *expr = parameter(name, value)?;
        }
        // A place holder while the parts move.
        let taken = std::mem::replace(expr, Expr::Value(Value::Null.into()));
        *expr = match taken {
            Expr::Value(ValueWithSpan { value: Value::Number(digits, long), span }) => number(digits, long, span),
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, array: false, format: None } => {
                cast_call(*expr, &data_type)?
            }
            Expr::TypedString(typed) => match typed.value.into_string() {
                Some(value) => cast_call(string(value), &typed.data_type)?,
                None => return Err(refused("a typed literal is a type and a text")),
            },
            Expr::Interval(interval) => interval_call(interval)?,
            Expr::Extract { field, expr, .. } => syntax_calls::extract(&field.to_string(), *expr),
            Expr::AtTimeZone { timestamp, time_zone } => call("timezone", vec![*time_zone, *timestamp]),
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                let Some(pattern) = text(&pattern) else {
                    return Err(refused("similar to takes a literal pattern; use ~ with a regular expression"));
                };
                let op = if negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
                let right = Box::new(string(similar(pattern, escape(escape_char, Some('\\'))?)?));
                Expr::BinaryOp { left: expr, op, right }
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: Some(character) } => {
                Expr::Like { negated, any: false, expr, pattern: escaped(&pattern, character)?, escape_char: None }
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: Some(character) } => {
                Expr::ILike { negated, any: false, expr, pattern: escaped(&pattern, character)?, escape_char: None }
            }
            Expr::UnaryOp { op: UnaryOperator::PGAbs, expr } => call("abs", vec![*expr]),
            Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => {
                let ones = Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(Expr::Value(Value::Number("1".into(), false).into())) };
                Expr::BinaryOp { left: expr, op: BinaryOperator::PGBitwiseXor, right: Box::new(ones) }
            }
            Expr::Substring { substring_from: Some(from), .. } if text(&from).is_some() => {
                return Err(refused("substring(text from pattern) is not supported; use regexp_match(text, pattern)"));
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } if matches!(*right, Expr::Array(_)) => {
                in_list(left, *right, false)
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } if matches!(*right, Expr::Array(_)) => {
                in_list(left, *right, true)
            }
            Expr::Function(function) => syntax_calls::function(function)?,
            other => other,
        };
        Ok(())
    }
}

/// `x = any (array[1, 2])` is `x in (1, 2)`.
fn in_list(expr: Box<Expr>, array: Expr, negated: bool) -> Expr {
    let list = if let Expr::Array(array) = array { array.elem } else { Vec::new() };
    Expr::InList { expr, list, negated }
}

fn escaped(pattern: &Expr, character: ValueWithSpan) -> Result<Box<Expr>> {
    let pattern = text(pattern).ok_or_else(|| refused("like … escape takes a literal pattern; use a backslash as the escape character"))?;
    Ok(Box::new(string(like(pattern, escape(Some(character), None)?)?)))
}

/// The escape character; `None` if the text is empty.
fn escape(written: Option<ValueWithSpan>, default: Option<char>) -> Result<Option<char>> {
    let Some(written) = written else { return Ok(default) };
    let text = written.value.into_string().unwrap_or_default();
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (first, None) => Ok(first),
        _ => Err(refused(format!("the escape character '{text}' has more than one character"))),
    }
}
