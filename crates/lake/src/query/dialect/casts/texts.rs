//! Casts to text: the forms in which PostgreSQL shows values.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::array::{Array as _, ArrayRef, ArrowPrimitiveType, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};
use datafusion::error::Result;

use super::common::argument;
use crate::query::dialect::calendar::naive;
use crate::query::dialect::define::{Defined, Shown};
use crate::query::dialect::intervals::interval_text;
use crate::query::dialect::kinds::{DIGITS, Family, INTERVAL, Number, SCALE, TIMESTAMP, refused, timestamptz};
use crate::query::dialect::numerics::written;

pub(super) fn casts() -> Vec<Defined> {
    vec![
        Defined::new("text", Shown::Argument, types, |args, _| text_of(&args[0], "true", "false")),
        // As `concat` shows values.
        Defined::new("output", Shown::Argument, types, |args, _| text_of(&args[0], "t", "f")),
    ]
}

fn types(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    let from = argument(types)?;
    let read = match Family::of(from) {
        Family::Null | Family::Text => DataType::Utf8View,
        Family::Bool | Family::Number(Number::Integer(_) | Number::Real | Number::Double) | Family::Date => from.clone(),
        Family::Number(Number::Numeric(scale)) => DataType::Decimal128(DIGITS, scale),
        Family::Timestamp => TIMESTAMP,
        Family::Timestamptz => timestamptz(),
        Family::Time => DataType::Time64(TimeUnit::Microsecond),
        Family::Interval => INTERVAL,
        Family::Other => return Err(refused(format!("a value of type {from} has no text here; name its parts"))),
    };
    Ok((vec![read], DataType::Utf8View))
}

/// The texts of an array.
pub(crate) fn text_of(array: &ArrayRef, yes: &str, no: &str) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Boolean => {
            Arc::new(array.as_boolean().iter().map(|value| value.map(|value| if value { yes } else { no })).collect::<StringViewArray>())
        }
        DataType::Float64 => each::<Float64Type>(array, float_text),
        DataType::Float32 => each::<Float32Type>(array, |value| shortest(f64::from(value), &format!("{value:e}"), 6)),
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            each::<Decimal128Type>(array, move |value| {
                let text = written(value, scale);
                // Nothing declares these digits: they are of a quotient, or of a cast.
                if scale >= SCALE { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
            })
        }
        DataType::Timestamp(_, zone) => {
            let zone = if zone.is_some() { "+00" } else { "" };
            each::<TimestampMicrosecondType>(array, move |value| {
                naive(value).map_or_else(String::new, |moment| format!("{}{zone}", moment_text(moment)))
            })
        }
        DataType::Date32 => each::<Date32Type>(array, |value| Date32Type::to_naive_date_opt(value).map_or_else(String::new, date_text)),
        DataType::Time64(_) => each::<Time64MicrosecondType>(array, |value| naive(value).map_or_else(String::new, time_text)),
        DataType::Interval(_) => each::<IntervalMonthDayNanoType>(array, interval_text),
        _ => cast(array, &DataType::Utf8View)?,
    })
}

fn each<T: ArrowPrimitiveType>(array: &ArrayRef, text: impl Fn(T::Native) -> String) -> ArrayRef {
    Arc::new(array.as_primitive::<T>().iter().map(|value| value.map(&text)).collect::<StringViewArray>())
}

fn date_text(date: NaiveDate) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

fn time_text(moment: NaiveDateTime) -> String {
    let micros = moment.nanosecond() / 1_000;
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}").trim_end_matches('0').to_owned() };
    format!("{:02}:{:02}:{:02}{fraction}", moment.hour(), moment.minute(), moment.second())
}

fn moment_text(moment: NaiveDateTime) -> String {
    format!("{} {}", date_text(moment.date()), time_text(moment))
}

/// The text of a float8: the shortest that is read back as the same number.
pub(crate) fn float_text(value: f64) -> String {
    shortest(value, &format!("{value:e}"), 15)
}

/// `scientific` is the shortest text with an exponent. Numbers with an exponent of `digits` or more, or less than -4, are shown with it.
fn shortest(value: f64, scientific: &str, digits: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let figures = mantissa.replace('.', "");
    let point = usize::try_from(exponent + 1).unwrap_or(0);
    if exponent < 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        format!("{sign}0.{}{figures}", "0".repeat(zeros))
    } else if figures.len() <= point {
        format!("{sign}{figures:0<point$}")
    } else {
        format!("{sign}{}.{}", &figures[..point], &figures[point..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_shown_as_postgresql_shows_them() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123_456_789.123, "123456789.123"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e20, "1.5e+20"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }
}
