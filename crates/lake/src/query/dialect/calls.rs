//! Calls of functions whose arguments PostgreSQL reads otherwise.

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable as _, Operator, lit};

use super::compare::{key, same_text, unified};
use super::functions::Functions;
use super::kinds::{Family, Number, refused, type_name, unknown};
use super::patterns::{function_flags, regex, replacement};

/// Functions whose first argument is a text. DataFusion casts any value, PostgreSQL refuses.
const OF_TEXT: &[&str] = &[
    "ascii",
    "bit_length",
    "btrim",
    "char_length",
    "character_length",
    "initcap",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "octet_length",
    "overlay",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "substring",
    "translate",
    "trim",
    "upper",
];
/// Functions whose arguments have one type.
const OF_ONE_TYPE: &[&str] = &["coalesce", "greatest", "ifnull", "least", "nullif", "nvl"];

/// A call of a scalar function.
pub(crate) fn scalar(functions: &Functions, mut call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let name = call.func.name().to_owned();
    if OF_TEXT.contains(&name.as_str())
        && let Some(first) = call.args.first()
    {
        same_text(first, schema, &format!("{name}()"))?;
    }
    match name.as_str() {
        name if OF_ONE_TYPE.contains(&name) => {
            call.args = unified(functions, name, call.args, schema)?;
            if matches!(name, "greatest" | "least") {
                for arg in &call.args {
                    if Family::of(&arg.get_type(schema)?) == Family::Interval {
                        return Err(refused(format!("{name}() of intervals is not supported; compare extract(epoch from the interval)")));
                    }
                }
            }
        }
        "concat" | "concat_ws" => {
            let args = std::mem::take(&mut call.args);
            call.args = args
                .into_iter()
                .map(|arg| match Family::of(&arg.get_type(schema)?) {
                    Family::Text | Family::Null | Family::Other => Ok(arg),
                    _ => functions.call("output", vec![arg]),
                })
                .collect::<Result<_>>()?;
        }
        "+" | "-" | "*" | "/" | "%" | "mod" | "div" => widened(&mut call.args, schema)?,
        // An integer has 32 bits, and DataFusion shows 64.
        "to_hex" => {
            if let Some(arg) = call.args.first_mut()
                && Family::of(&arg.get_type(schema)?) == Family::Number(Number::Integer(32))
            {
                let wide = functions.call("int8", vec![arg.clone()])?;
                *arg = Expr::BinaryExpr(BinaryExpr::new(Box::new(wide), Operator::BitwiseAnd, Box::new(lit(i64::from(u32::MAX)))));
            }
        }
        // DataFusion puts the new text between all characters.
        "replace" if call.args.get(1).and_then(unknown).is_some_and(str::is_empty) => {
            return call.args.into_iter().next().ok_or_else(|| refused("replace takes three texts"));
        }
        name if name.starts_with("regexp_") => regular(functions, name, &mut call)?,
        _ => {}
    }
    Ok(Expr::ScalarFunction(call))
}

/// Translates the pattern, the flags and the replacement.
fn regular(functions: &Functions, name: &str, call: &mut ScalarFunction) -> Result<()> {
    let found = !matches!(name, "regexp_like" | "regexp_count");
    if let Some(pattern) = call.args.get_mut(1) {
        *pattern = match unknown(pattern) {
            Some(text) => lit(regex(text, found)?),
            None => functions.call(if found { "regex_found" } else { "regex" }, vec![pattern.clone()])?,
        };
    }
    let flags = match name {
        "regexp_replace" | "regexp_count" => 3,
        "regexp_instr" => 5,
        _ => 2,
    };
    if let Some(letters) = call.args.get_mut(flags) {
        let text = unknown(letters).ok_or_else(|| refused(format!("{name}: the flags must be a literal, such as 'i'")))?;
        *letters = lit(function_flags(name, text)?);
    }
    if name == "regexp_replace"
        && let Some(text) = call.args.get_mut(2)
    {
        *text = match unknown(text) {
            Some(text) => lit(replacement(text)?),
            None => functions.call("regex_replacement", vec![text.clone()])?,
        };
    }
    Ok(())
}

/// A call of an aggregate function.
pub(crate) fn aggregate(functions: &Functions, mut call: AggregateFunction, schema: &DFSchema) -> Result<Expr> {
    let name = call.func.name().to_owned();
    percentiles(&name, &mut call.params.args);
    counted(&name, &mut call.params.args);
    summed(functions, &name, &mut call.params.args, schema)?;
    let first = call.params.args.first().map(|arg| arg.get_type(schema)).transpose()?;
    let family = first.as_ref().map(Family::of);
    match (name.as_str(), family) {
        ("min" | "max", Some(Family::Interval)) => {
            // DataFusion's aggregate orders intervals by months, then days. PostgreSQL orders them by their length.
            let arg = call.params.args.first().cloned().ok_or_else(|| refused("min and max take one value"))?;
            call.params.order_by = vec![key(functions, arg)?.sort(name == "min", false)];
            call.func = functions.first_value()?;
            call.params.distinct = false;
        }
        (_, Some(Family::Interval)) if call.params.distinct => {
            return Err(refused("distinct intervals are not supported; use extract(epoch from the interval)"));
        }
        ("min" | "max", Some(Family::Bool)) => {
            return Err(refused(format!("function {name}(boolean) does not exist; use bool_and or bool_or")));
        }
        ("string_agg", Some(family)) if !matches!(family, Family::Text | Family::Null | Family::Other) => {
            let from = first.as_ref().map_or("", type_name);
            return Err(refused(format!("function string_agg({from}, text) does not exist; cast with ::text")));
        }
        _ => {}
    }
    Ok(Expr::AggregateFunction(call))
}

/// A call of a window function.
pub(crate) fn window(functions: &Functions, call: &mut WindowFunction, schema: &DFSchema) -> Result<()> {
    let name = call.fun.name().to_owned();
    percentiles(&name, &mut call.params.args);
    counted(&name, &mut call.params.args);
    summed(functions, &name, &mut call.params.args, schema)?;
    let first = call.params.args.first().map(|arg| arg.get_type(schema)).transpose()?;
    if matches!(name.as_str(), "min" | "max") && first.is_some_and(|of| Family::of(&of) == Family::Interval) {
        return Err(refused(format!("{name}() over a window of intervals is not supported; use extract(epoch from the interval)")));
    }
    Ok(())
}

/// A sum of bigints is a numeric, as in PostgreSQL. So it does not overflow, and its quotients have a fraction.
fn summed(functions: &Functions, name: &str, args: &mut [Expr], schema: &DFSchema) -> Result<()> {
    let ("sum", [arg]) = (name, args) else { return Ok(()) };
    let from = arg.get_type(schema)?;
    match Family::of(&from) {
        Family::Number(Number::Integer(64)) => *arg = functions.call("numeric", vec![arg.clone()])?,
        Family::Number(_) | Family::Interval | Family::Null | Family::Other => {}
        _ => return Err(refused(format!("function sum({}) does not exist; cast to a number", type_name(&from)))),
    }
    Ok(())
}

/// A literal beside a bigint is a bigint. A cast would do, but it gives aggregates a new name, and DataFusion optimizes them only without one.
fn widened(args: &mut [Expr], schema: &DFSchema) -> Result<()> {
    let mut is_wide = false;
    for arg in args.iter() {
        is_wide |= Family::of(&arg.get_type(schema)?) == Family::Number(Number::Integer(64));
    }
    for arg in args.iter_mut().filter(|_| is_wide) {
        if let Expr::Literal(value @ ScalarValue::Int32(_), _) = arg {
            *value = value.cast_to(&arrow::datatypes::DataType::Int64)?;
        }
    }
    Ok(())
}

/// DataFusion answers `count(*)` from statistics if its argument is the literal that it put there.
fn counted(name: &str, args: &mut [Expr]) {
    if let ("count", [Expr::Literal(value @ ScalarValue::Int32(Some(_)), _)]) = (name, args)
        && let Ok(wide) = value.cast_to(&arrow::datatypes::DataType::Int64)
    {
        *value = wide;
    }
}

/// DataFusion takes percentiles as floats only.
fn percentiles(name: &str, args: &mut [Expr]) {
    if !name.contains("percentile") && !name.contains("quantile") {
        return;
    }
    for arg in args {
        if let Expr::Literal(value @ ScalarValue::Decimal128(..), _) = arg
            && let Ok(float) = value.cast_to(&arrow::datatypes::DataType::Float64)
        {
            *value = float;
        }
    }
}
