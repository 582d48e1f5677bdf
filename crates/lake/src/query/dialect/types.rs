//! The casts of a statement, as calls of functions.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{CastKind, CharacterLength, DataType, ExactNumberInfo, Expr, Interval, TimezoneInfo, Value};

use super::build::{call, string, text};
use super::kinds::{DIGITS, refused};

fn int(value: u64) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

/// A cast to a type.
pub(crate) fn cast_call(expr: Expr, to: &DataType) -> Result<Expr> {
    let name = match to {
        DataType::SmallInt(None) | DataType::Int2(None) => "int2",
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => "int4",
        DataType::BigInt(None) | DataType::Int8(None) => "int8",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Float8 | DataType::Double(_) | DataType::DoublePrecision => "float8",
        DataType::Float(ExactNumberInfo::Precision(1..=24)) => "float4",
        DataType::Float(_) => "float8",
        DataType::Numeric(size) | DataType::Decimal(size) | DataType::Dec(size) => return numeric(expr, *size),
        DataType::Text | DataType::Varchar(None) | DataType::CharacterVarying(None) => "text",
        DataType::Varchar(Some(CharacterLength::IntegerLength { length, .. }))
        | DataType::CharacterVarying(Some(CharacterLength::IntegerLength { length, .. })) => {
            return Ok(call("left", vec![call("text", vec![expr]), int(*length)]));
        }
        DataType::Bool | DataType::Boolean => "bool",
        DataType::Date => "date",
        DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => "time",
        DataType::Timestamp(digits, zone) => {
            let name = match zone {
                TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => "timestamp",
                TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => "timestamptz",
            };
            return match digits {
                None => Ok(call(name, vec![expr])),
                Some(digits) => Ok(call(name, vec![expr, int(*digits)])),
            };
        }
        DataType::Interval { fields: None, precision: None } => "interval",
        other => {
            let known = "smallint, integer, bigint, real, double precision, numeric, text, varchar, boolean, date, time, timestamp, timestamptz and interval";
            return Err(refused(format!("cast to {other} is not supported; there are {known}")));
        }
    };
    Ok(call(name, vec![expr]))
}

fn numeric(expr: Expr, size: ExactNumberInfo) -> Result<Expr> {
    let inner = call("numeric", vec![expr]);
    let (precision, scale) = match size {
        ExactNumberInfo::None => return Ok(inner),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    if precision > u64::from(DIGITS) || scale < 0 || i64::try_from(precision).is_ok_and(|precision| scale > precision) {
        return Err(refused(format!("numeric({precision}, {scale}) is not supported: a numeric has at most 38 digits here")));
    }
    Ok(sized(inner, precision, scale))
}

/// A numeric with so many digits.
pub(crate) fn sized(expr: Expr, precision: u64, scale: i64) -> Expr {
    let data_type = DataType::Numeric(ExactNumberInfo::PrecisionAndScale(precision, scale));
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `interval '1 day'`, and `interval '1' day`.
pub(crate) fn interval_call(interval: Interval) -> Result<Expr> {
    let Some(written) = text(&interval.value).map(str::to_owned) else {
        return Err(refused("interval takes a literal; multiply instead, as in x * interval '1 second'"));
    };
    if interval.last_field.is_some() || interval.leading_precision.is_some() || interval.fractional_seconds_precision.is_some() {
        return Err(refused("interval fields with a range or a precision are not supported; write the units in the text"));
    }
    let full = match interval.leading_field {
        None => written,
        Some(unit) if written.trim().parse::<f64>().is_ok() => format!("{} {}", written.trim(), unit.to_string().to_lowercase()),
        Some(_) => return Err(refused("an interval with a unit behind it takes a number; write the units in the text")),
    };
    Ok(call("interval", vec![string(full)]))
}
