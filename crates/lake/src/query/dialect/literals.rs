//! Literals and parameters.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator, Value, ValueWithSpan};
use datafusion::sql::sqlparser::tokenizer::Span;
use serde_json::Value as Json;

use super::build::{call, string};
use super::kinds::{DIGITS, refused};

/// The value of a parameter as a literal.
pub(crate) fn parameter(name: &str, value: &Json) -> Result<Expr> {
    Ok(match value {
        Json::Null => Expr::Value(Value::Null.into()),
        Json::Bool(value) => Expr::Value(Value::Boolean(*value).into()),
        Json::String(text) => string(text.clone()),
        Json::Number(number) => {
            let text = number.to_string();
            match text.strip_prefix('-') {
                Some(positive) => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(digits(positive)) },
                None => digits(&text),
            }
        }
        Json::Array(_) | Json::Object(_) => {
            return Err(refused(format!("parameter {name} is a list or an object; use a text, a number, a boolean or null")));
        }
    })
}

fn digits(text: &str) -> Expr {
    self::number(text.to_owned(), false, Span::empty())
}

/// A number. One with a point or an exponent is a numeric, and so is an integer that is no bigint.
pub(crate) fn number(text: String, long: bool, span: Span) -> Expr {
    let plain = |text: String| Expr::Value(ValueWithSpan { value: Value::Number(text, long), span });
    if text.parse::<i64>().is_ok() {
        return plain(text);
    }
    let expanded = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => exponent.parse::<i32>().ok().and_then(|exponent| expanded(mantissa, exponent)),
        // With the point it is read as a numeric.
        None if !text.contains('.') => Some(format!("{text}.")),
        None => Some(text.clone()),
    };
    match expanded {
        Some(digits) if digits.trim_start_matches('0').len() <= usize::from(DIGITS) + 1 => plain(digits),
        // More digits than a numeric has here.
        _ => call("float8", vec![string(text)]),
    }
}

/// Digits without an exponent. `None` if there would be too many.
fn expanded(mantissa: &str, exponent: i32) -> Option<String> {
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let limit = i32::from(DIGITS);
    if !(-limit..=limit).contains(&point) {
        return None;
    }
    Some(match usize::try_from(point) {
        Ok(point) if point >= all.len() => format!("{all:0<point$}."),
        Ok(point) => format!("{}.{}", &all[..point], &all[point..]),
        Err(_) => format!("0.{}{all}", "0".repeat(usize::try_from(-point).ok()?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_exponent() {
        for (text, digits) in
            [("1.5e3", "1500."), ("1e-3", "0.001"), ("12.5e-1", "1.25"), ("7", "7"), ("9223372036854775808", "9223372036854775808.")]
        {
            assert_eq!(number(text.into(), false, Span::empty()).to_string(), digits, "{text}");
        }
        assert_eq!(number("1e308".into(), false, Span::empty()).to_string(), "float8('1e308')");
    }
}
