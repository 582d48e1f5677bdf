//! Casts to dates, times and intervals.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{IntervalMonthDayNano, TimestampMicrosecondType};
use arrow::array::{Array as _, ArrayRef, Date32Array, IntervalMonthDayNanoArray, Time64MicrosecondArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::error::{DataFusionError, Result};

use super::common::{argument, bad_text, cannot, texts};
use crate::query::dialect::define::{Defined, Shown};
use crate::query::dialect::instants::{Written, parse, time_of_day};
use crate::query::dialect::kinds::{Family, INTERVAL, TIMESTAMP, refused, timestamptz, type_name};
use crate::query::dialect::spans;

const MICROS_PER_DAY: i64 = 86_400_000_000;

pub(super) fn casts() -> Vec<Defined> {
    vec![
        Defined::new(
            "timestamp",
            Shown::Argument,
            |types| to_moment(types, TIMESTAMP),
            |args, made| moments(args, made, Written::timestamp),
        ),
        Defined::new(
            "timestamptz",
            Shown::Argument,
            |types| to_moment(types, timestamptz()),
            |args, made| moments(args, made, Written::timestamptz),
        ),
        Defined::new("date", Shown::Argument, to_date, |args, _| dates(&args[0])),
        Defined::new("time", Shown::Argument, to_time, |args, _| times(&args[0])),
        Defined::new("interval", Shown::Argument, to_interval, |args, _| intervals(&args[0])),
    ]
}

/// The microseconds of a text that stands where a time is needed.
pub(crate) fn literal_timestamp(text: &str, with_zone: bool) -> Result<i64> {
    let written = parse(text).ok_or_else(|| bad_time(if with_zone { "timestamptz" } else { "timestamp" }, text))?;
    Ok(if with_zone { written.timestamptz() } else { written.timestamp() })
}

/// The day of a text that stands where a date is needed.
pub(crate) fn literal_date(text: &str) -> Result<i32> {
    let written = parse(text).ok_or_else(|| bad_time("date", text))?;
    i32::try_from(written.timestamp().div_euclid(MICROS_PER_DAY)).map_err(|_| bad_text("date", text))
}

/// The interval of a text that stands where an interval is needed.
pub(crate) fn literal_interval(text: &str) -> Result<IntervalMonthDayNano> {
    spans::parse(text).ok_or_else(|| bad_text("interval", text))
}

fn bad_time(to: &str, text: &str) -> DataFusionError {
    let DataFusionError::Execution(message) = bad_text(to, text) else { return bad_text(to, text) };
    DataFusionError::Execution(format!("{message}; write it as '2026-11-29 10:00:00+00', or use now() and current_date"))
}

fn to_moment(types: &[DataType], target: DataType) -> Result<(Vec<DataType>, DataType)> {
    let (from, more) = match types {
        [from] => (from, vec![]),
        [from, _] => (from, vec![DataType::Int64]),
        _ => return Err(refused("a cast takes one value")),
    };
    let read = match Family::of(from) {
        Family::Null => target.clone(),
        Family::Text => DataType::Utf8,
        Family::Date => from.clone(),
        Family::Timestamp => TIMESTAMP,
        Family::Timestamptz => timestamptz(),
        _ => return Err(cannot(from, type_name(&target))),
    };
    Ok(([vec![read], more].concat(), target))
}

fn moments(args: &[ArrayRef], made: &DataType, of: impl Fn(Written) -> i64) -> Result<ArrayRef> {
    let cast_to = |array: &ArrayRef| cast(array, made).map_err(DataFusionError::from);
    let plain = if Family::of(args[0].data_type()) == Family::Text {
        let name = type_name(made);
        let values = texts(&args[0])?
            .iter()
            .map(|text| text.map(|text| parse(text).map(&of).ok_or_else(|| bad_time(name, text))).transpose())
            .collect::<Result<TimestampMicrosecondArray>>()?;
        cast_to(&(Arc::new(values) as ArrayRef))?
    } else if args[0].data_type() == made {
        Arc::clone(&args[0])
    } else {
        // The number of microseconds stays: sessions are in UTC.
        cast_to(&cast(&args[0], &TIMESTAMP)?)?
    };
    let Some(precision) = args.get(1) else { return Ok(plain) };
    let precision = precision.as_primitive::<arrow::array::types::Int64Type>();
    let rounded = plain.as_primitive::<TimestampMicrosecondType>().iter().zip(precision.iter()).map(|(value, digits)| {
        let (value, digits) = value.zip(digits)?;
        let unit = 10_i64.pow(u32::try_from(6 - digits.clamp(0, 6)).unwrap_or(0));
        Some((value + unit / 2).div_euclid(unit) * unit)
    });
    cast_to(&(Arc::new(rounded.collect::<TimestampMicrosecondArray>()) as ArrayRef))
}

fn one(types: &[DataType], target: DataType, takes: impl Fn(Family) -> bool) -> Result<(Vec<DataType>, DataType)> {
    let from = argument(types)?;
    let read = match Family::of(from) {
        Family::Null => target.clone(),
        Family::Text => DataType::Utf8,
        // All are read as local times: sessions are in UTC.
        family if family.is_moment() && takes(family) => {
            if *from == target {
                target.clone()
            } else {
                TIMESTAMP
            }
        }
        family if takes(family) => target.clone(),
        _ => return Err(cannot(from, type_name(&target))),
    };
    Ok((vec![read], target))
}

fn to_date(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    one(types, DataType::Date32, Family::is_moment)
}

fn dates(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Date32 => Ok(Arc::clone(array)),
        DataType::Timestamp(..) => {
            let day = |micros: i64| i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or(i32::MAX);
            Ok(Arc::new(array.as_primitive::<TimestampMicrosecondType>().iter().map(|value| value.map(day)).collect::<Date32Array>()))
        }
        _ => Ok(Arc::new(texts(array)?.iter().map(|text| text.map(literal_date).transpose()).collect::<Result<Date32Array>>()?)),
    }
}

fn to_time(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    one(types, DataType::Time64(TimeUnit::Microsecond), |family| matches!(family, Family::Time | Family::Timestamp | Family::Timestamptz))
}

fn times(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Time64(_) => Ok(Arc::clone(array)),
        DataType::Timestamp(..) => {
            let of_day =
                array.as_primitive::<TimestampMicrosecondType>().iter().map(|value| value.map(|micros| micros.rem_euclid(MICROS_PER_DAY)));
            Ok(Arc::new(of_day.collect::<Time64MicrosecondArray>()))
        }
        _ => {
            let parse =
                |text: &str| time_of_day(text.trim()).and_then(|time| time.num_microseconds()).ok_or_else(|| bad_text("time", text));
            Ok(Arc::new(texts(array)?.iter().map(|text| text.map(parse).transpose()).collect::<Result<Time64MicrosecondArray>>()?))
        }
    }
}

fn to_interval(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    one(types, INTERVAL, |family| family == Family::Interval)
}

fn intervals(array: &ArrayRef) -> Result<ArrayRef> {
    if matches!(array.data_type(), DataType::Interval(_)) {
        return Ok(Arc::clone(array));
    }
    Ok(Arc::new(texts(array)?.iter().map(|text| text.map(literal_interval).transpose()).collect::<Result<IntervalMonthDayNanoArray>>()?))
}
