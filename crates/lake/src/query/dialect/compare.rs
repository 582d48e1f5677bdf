//! Comparisons: string literals take the type of the other side, intervals compare by their length, and types that PostgreSQL does not compare
//! are refused.

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable as _};

use super::casts::{literal_date, literal_interval, literal_number, literal_timestamp};
use super::functions::Functions;
use super::intervals::key_type;
use super::kinds::{Family, Number, refused, type_name, unknown};

/// The name of the cast to a type of numbers.
pub(crate) fn cast_to(number: Number) -> &'static str {
    match number {
        Number::Integer(16) => "int2",
        Number::Integer(32) => "int4",
        Number::Integer(_) => "int8",
        Number::Numeric(_) => "numeric",
        Number::Real => "float4",
        Number::Double => "float8",
    }
}

/// A string literal as a value of the other side's type.
pub(crate) fn literal_as(functions: &Functions, literal: Expr, family: Family) -> Result<Expr> {
    let Some(text) = unknown(&literal) else { return Ok(literal) };
    let name = match family {
        Family::Timestamp => {
            return Ok(Expr::Literal(ScalarValue::TimestampMicrosecond(Some(literal_timestamp(text, false)?), None), None));
        }
        Family::Timestamptz => {
            return Ok(Expr::Literal(ScalarValue::TimestampMicrosecond(Some(literal_timestamp(text, true)?), Some("UTC".into())), None));
        }
        Family::Date => return Ok(Expr::Literal(ScalarValue::Date32(Some(literal_date(text)?)), None)),
        Family::Interval => return Ok(Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(literal_interval(text)?)), None)),
        Family::Number(number) => {
            // PostgreSQL reads the literal even where its value is not needed.
            literal_number(text, number)?;
            cast_to(number)
        }
        Family::Bool => "bool",
        Family::Time => "time",
        Family::Text | Family::Null | Family::Other => return Ok(literal),
    };
    functions.call(name, vec![literal])
}

/// Two sides of a comparison, of types that compare as in PostgreSQL.
pub(crate) fn compared(functions: &Functions, left: Expr, right: Expr, schema: &DFSchema) -> Result<(Expr, Expr)> {
    let types = (left.get_type(schema)?, right.get_type(schema)?);
    let families = (Family::of(&types.0), Family::of(&types.1));
    let (left, right) = match (unknown(&left).is_some(), unknown(&right).is_some()) {
        (true, false) => (literal_as(functions, left, families.1)?, right),
        (false, true) => {
            let right = literal_as(functions, right, families.0)?;
            (left, right)
        }
        _ => (left, right),
    };
    let (first, second) = (Family::of(&left.get_type(schema)?), Family::of(&right.get_type(schema)?));
    let double = |expr: Expr| functions.call("float8", vec![expr]);
    Ok(match (first, second) {
        (Family::Interval, Family::Interval) => (key(functions, left)?, key(functions, right)?),
        (Family::Number(Number::Real | Number::Double), Family::Number(Number::Numeric(_))) => (left, double(right)?),
        (Family::Number(Number::Numeric(_)), Family::Number(Number::Real | Number::Double)) => (double(left)?, right),
        (first, second) if first.group() == second.group() || mixes(first) || mixes(second) => (left, right),
        _ => {
            let message = format!("{} and {} are not comparable; cast one of them", type_name(&types.0), type_name(&types.1));
            return Err(refused(message));
        }
    })
}

fn mixes(family: Family) -> bool {
    matches!(family, Family::Null | Family::Other)
}

/// The length of an interval, for comparisons.
pub(crate) fn key(functions: &Functions, expr: Expr) -> Result<Expr> {
    let is_key = matches!(&expr, Expr::ScalarFunction(call) if call.func.name() == "interval_key");
    if is_key { Ok(expr) } else { functions.call("interval_key", vec![expr]) }
}

/// Checks that an expression is a text.
pub(crate) fn same_text(expr: &Expr, schema: &DFSchema, what: &str) -> Result<()> {
    let r#type = expr.get_type(schema)?;
    match Family::of(&r#type) {
        Family::Text | Family::Null | Family::Other => Ok(()),
        _ if r#type == key_type() => Ok(()),
        _ => Err(refused(format!("{what} takes a text, not {}; cast it with ::text", type_name(&r#type)))),
    }
}

/// The branches of a `case`, or the arguments of `coalesce`, as values of one type.
pub(crate) fn unified(functions: &Functions, what: &str, exprs: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let families = exprs.iter().map(|expr| Ok(Family::of(&expr.get_type(schema)?))).collect::<Result<Vec<_>>>()?;
    let typed =
        || exprs.iter().zip(&families).filter(|(expr, family)| unknown(expr).is_none() && !mixes(**family)).map(|(_, family)| *family);
    let Some(first) = typed().next() else { return Ok(exprs) };
    if let Some(other) = typed().find(|other| other.group() != first.group()) {
        return Err(refused(format!("{what}: {} and {} do not match; cast one of them", first.group(), other.group())));
    }
    let has_float = typed().any(|family| matches!(family, Family::Number(Number::Real | Number::Double)));
    let cast = exprs.iter().zip(&families).map(|(expr, family)| match family {
        Family::Number(Number::Numeric(_)) if has_float => functions.call("float8", vec![expr.clone()]),
        _ if unknown(expr).is_some() => literal_as(functions, expr.clone(), first),
        _ => Ok(expr.clone()),
    });
    cast.collect()
}
