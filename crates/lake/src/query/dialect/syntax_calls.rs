//! Calls of functions that are written otherwise than DataFusion knows them.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, TableFactor, TimezoneInfo,
    UnaryOperator, Value, ValueWithSpan,
};

use super::build::{call, string, text};
use super::fields::is_whole;
use super::kinds::refused;

use super::types::sized;

/// Functions that have another name in DataFusion.
const RENAMED: &[(&str, &str)] = &[
    ("ceiling", "ceil"),
    ("every", "bool_and"),
    ("statement_timestamp", "now"),
    ("transaction_timestamp", "now"),
    ("variance", "var_samp"),
];
/// The most digits after the point that `round` and `trunc` keep.
const PLACES: i64 = 18;

/// `extract(field from …)` is a numeric, whole or with microseconds.
pub(crate) fn extract(field: &str, from: Expr) -> Expr {
    let field = field.trim_matches('\'').to_lowercase();
    let name = if is_whole(&field) { "extract_whole" } else { "extract_exact" };
    call(name, vec![string(field), from])
}

/// DataFusion's `generate_series` takes times in nanoseconds only.
pub(crate) fn series(factor: &mut TableFactor) {
    let TableFactor::Table { args: Some(args), .. } = factor else { return };
    for arg in &mut args.args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else { continue };
        let zone = match expr {
            Expr::Function(function) if function.name.to_string() == "timestamp" => TimezoneInfo::None,
            Expr::Function(function) if function.name.to_string() == "timestamptz" => TimezoneInfo::Tz,
            _ => continue,
        };
        let data_type = DataType::Timestamp(Some(9), zone);
        *expr = Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr.clone()), data_type, array: false, format: None };
    }
}

fn arguments(function: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let of = list.args.iter().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    of.collect()
}

/// Rewrites a call.
pub(crate) fn function(mut function: Function) -> Result<Expr> {
    let [part] = function.name.0.as_slice() else { return Ok(Expr::Function(function)) };
    let Some(name) =
        part.as_ident().map(|ident| if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() })
    else {
        return Ok(Expr::Function(function));
    };
    if let Some((_, known)) = RENAMED.iter().find(|(written, _)| *written == name) {
        function.name = ObjectName::from(vec![Ident::new(*known)]);
        return Ok(Expr::Function(function));
    }
    let args = arguments(&function);
    match (name.as_str(), args.as_slice()) {
        ("localtimestamp", []) => Ok(call("timestamp", vec![call("now", vec![])])),
        ("age", [earlier]) => {
            let today = call("timestamp", vec![call("current_date", vec![])]);
            Ok(call("age", vec![today, (*earlier).clone()]))
        }
        ("date_trunc", [_, _, _]) => Ok(renamed(function, "date_trunc_in")),
        ("date_trunc", [field, _]) if text(field).is_some_and(is_long) => Ok(renamed(function, "date_trunc_in")),
        ("date_bin", [stride, rest @ ..]) if text(stride).is_some() => {
            let stride = call("interval", vec![(*stride).clone()]);
            Ok(call("date_bin", [vec![stride], rest.iter().map(|arg| (*arg).clone()).collect()].concat()))
        }
        ("avg" | "mean", [_]) => Ok(average(&function)),
        ("round" | "trunc", [_, places]) => {
            let places = literal(places);
            let rounded = Expr::Function(function);
            Ok(match places {
                // The type of a numeric has its digits.
                Some(places) => sized(call("numeric", vec![rounded]), 38, places.clamp(0, PLACES)),
                None => rounded,
            })
        }
        ("substring", [_, from]) if text(from).is_some() => {
            Err(refused("substring(text, pattern) is not supported; use regexp_match(text, pattern)"))
        }
        _ => Ok(Expr::Function(function)),
    }
}

/// Fields that DataFusion's `date_trunc` does not have.
fn is_long(field: &str) -> bool {
    ["decade", "century", "millennium"].iter().any(|long| field.eq_ignore_ascii_case(long))
}

fn renamed(mut function: Function, name: &str) -> Expr {
    function.name = ObjectName::from(vec![Ident::new(name)]);
    Expr::Function(function)
}

/// The value of an integer literal.
fn literal(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => digits.parse().ok(),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => literal(expr).map(|value| -value),
        Expr::Nested(inner) => literal(inner),
        _ => None,
    }
}

/// `avg(x)` as a sum and a count, with the same filter and window.
fn average(function: &Function) -> Expr {
    let mut sum = function.clone();
    if let FunctionArguments::List(list) = &mut sum.args {
        for arg in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                *expr = call("averaged", vec![expr.clone()]);
            }
        }
    }
    call("average", vec![renamed(sum, "sum"), renamed(function.clone(), "count")])
}
