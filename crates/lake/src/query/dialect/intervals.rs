//! Intervals: their text, their order, and arithmetic with them, as PostgreSQL has it.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Date32Type, Float64Type, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType};
use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int32Array, IntervalMonthDayNanoArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType};
use chrono::{Datelike as _, Months, NaiveDateTime};
use datafusion::error::Result;

use super::calendar::naive;
use super::define::{Defined, Shown};
use super::kinds::{DIGITS, INTERVAL, TIMESTAMP, invalid, refused};

pub(crate) const NANOS_PER_DAY: i64 = 86_400_000_000_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;
const DAYS_PER_MONTH: i32 = 30;
const MONTHS_PER_YEAR: i32 = 12;

/// The functions of intervals and dates.
pub(crate) fn functions() -> Vec<Defined> {
    vec![
        Defined::new("interval_key", Shown::Argument, |_| Ok((vec![INTERVAL], key_type())), |args, _| keys(&args[0])),
        Defined::new(
            "moment_minus",
            Shown::Call,
            |_| Ok((vec![TIMESTAMP, TIMESTAMP], INTERVAL)),
            |args, _| moments(args, |left, right| left.checked_sub(right).map(of_micros).ok_or_else(|| invalid("interval out of range"))),
        ),
        Defined::new("age", Shown::Call, sided, |args, _| moments(args, age)),
        Defined::new("interval_times", Shown::Call, |_| Ok((vec![INTERVAL, DataType::Float64], INTERVAL)), |args, _| scaled(args, Ok)),
        Defined::new(
            "interval_divide",
            Shown::Call,
            |_| Ok((vec![INTERVAL, DataType::Float64], INTERVAL)),
            |args, _| scaled(args, |by| if by == 0.0 { Err(invalid("division by zero")) } else { Ok(1.0 / by) }),
        ),
        Defined::new(
            "date_minus",
            Shown::Call,
            |_| Ok((vec![DataType::Date32, DataType::Date32], DataType::Int32)),
            |args, _| {
                let (left, right) = (args[0].as_primitive::<Date32Type>(), args[1].as_primitive::<Date32Type>());
                let days: Int32Array =
                    pairs(left, right, |left, right| left.checked_sub(right).ok_or_else(|| invalid("integer out of range")))?;
                Ok(Arc::new(days))
            },
        ),
        Defined::new(
            "date_plus",
            Shown::Call,
            |_| Ok((vec![DataType::Date32, DataType::Int32], DataType::Date32)),
            |args, _| {
                let (date, days) = (args[0].as_primitive::<Date32Type>(), args[1].as_primitive::<Int32Type>());
                let dates: Date32Array =
                    pairs(date, days, |date, days| date.checked_add(days).ok_or_else(|| invalid("date out of range")))?;
                Ok(Arc::new(dates))
            },
        ),
    ]
}

fn sided(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    if types.len() == 2 { Ok((vec![TIMESTAMP, TIMESTAMP], INTERVAL)) } else { Err(refused("age() takes one or two timestamps")) }
}

/// The type of [`keys`].
pub(crate) fn key_type() -> DataType {
    DataType::Decimal128(DIGITS, 0)
}

/// Applies a function to pairs of values.
fn pairs<L: ArrowPrimitiveType, R: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    left: &PrimitiveArray<L>,
    right: &PrimitiveArray<R>,
    function: impl Fn(L::Native, R::Native) -> Result<O::Native>,
) -> Result<PrimitiveArray<O>> {
    let values = left.iter().zip(right.iter()).map(|(left, right)| left.zip(right).map(|(left, right)| function(left, right)).transpose());
    values.collect()
}

fn moments(args: &[ArrayRef], function: impl Fn(i64, i64) -> Result<IntervalMonthDayNano>) -> Result<ArrayRef> {
    let (left, right) = (args[0].as_primitive::<TimestampMicrosecondType>(), args[1].as_primitive::<TimestampMicrosecondType>());
    let made: IntervalMonthDayNanoArray = pairs(left, right, function)?;
    Ok(Arc::new(made))
}

/// Days and the rest of a day, both with the sign of the difference.
fn of_micros(micros: i64) -> IntervalMonthDayNano {
    let days = i32::try_from(micros / MICROS_PER_DAY).unwrap_or(i32::MAX);
    IntervalMonthDayNano::new(0, days, micros % MICROS_PER_DAY * 1_000)
}

/// Lengths in nanoseconds by which intervals are compared: a month has 30 days and a day 24 hours.
fn keys(intervals: &ArrayRef) -> Result<ArrayRef> {
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let keys: Decimal128Array = intervals.iter().map(|interval| interval.map(length)).collect();
    Ok(Arc::new(keys.with_precision_and_scale(DIGITS, 0)?))
}

/// The length of an interval in nanoseconds.
pub(crate) fn length(interval: IntervalMonthDayNano) -> i128 {
    let days = i128::from(interval.months) * i128::from(DAYS_PER_MONTH) + i128::from(interval.days);
    days * i128::from(NANOS_PER_DAY) + i128::from(interval.nanoseconds)
}

fn scaled(args: &[ArrayRef], factor: impl Fn(f64) -> Result<f64>) -> Result<ArrayRef> {
    let (intervals, by) = (args[0].as_primitive::<IntervalMonthDayNanoType>(), args[1].as_primitive::<Float64Type>());
    let made: IntervalMonthDayNanoArray = pairs(intervals, by, |interval, by| times(interval, factor(by)?))?;
    Ok(Arc::new(made))
}

/// Multiplies an interval. Fractions of months become days, and fractions of days become time.
pub(crate) fn times(interval: IntervalMonthDayNano, factor: f64) -> Result<IntervalMonthDayNano> {
    let out_of_range = || invalid("interval out of range");
    let whole = |value: f64, limit: f64| if value.abs() < limit { Ok(value.trunc()) } else { Err(out_of_range()) };
    let round = |value: f64| (value * 1e6).round() / 1e6;
    let months = f64::from(interval.months) * factor;
    let month_days = round((months - whole(months, 2_147_483_648.0)?) * f64::from(DAYS_PER_MONTH));
    let days = f64::from(interval.days) * factor;
    let rest = round((days - whole(days, 2_147_483_648.0)?) + (month_days - month_days.trunc()));
    let all_days = whole(days, 2_147_483_648.0)? + month_days.trunc() + rest.trunc();
    let micros = (interval.nanoseconds as f64 / 1e3).mul_add(factor, (rest - rest.trunc()) * MICROS_PER_DAY as f64).round_ties_even();
    if micros.abs() >= 9.2e15 || all_days.abs() >= 2_147_483_648.0 {
        return Err(out_of_range());
    }
    Ok(IntervalMonthDayNano::new(months.trunc() as i32, all_days as i32, micros as i64 * 1_000))
}

/// Years, months, days and time between two moments, by the calendar.
fn age(later: i64, earlier: i64) -> Result<IntervalMonthDayNano> {
    if later < earlier {
        let IntervalMonthDayNano { months, days, nanoseconds } = age(earlier, later)?;
        return Ok(IntervalMonthDayNano::new(-months, -days, -nanoseconds));
    }
    let local = |micros| naive(micros).ok_or_else(|| invalid("timestamp out of range"));
    let (later, earlier): (NaiveDateTime, NaiveDateTime) = (local(later)?, local(earlier)?);
    let field = |moment: NaiveDateTime| (moment.year() * MONTHS_PER_YEAR + moment.month0().cast_signed(), moment.day().cast_signed());
    let ((later_month, later_day), (earlier_month, earlier_day)) = (field(later), field(earlier));
    let mut months = later_month - earlier_month;
    let mut days = later_day - earlier_day;
    let mut time = later.time().signed_duration_since(earlier.time());
    if time < chrono::TimeDelta::zero() {
        time += chrono::TimeDelta::days(1);
        days -= 1;
    }
    if days < 0 {
        // PostgreSQL borrows the length of the earlier moment's month.
        let first = earlier.date().with_day(1).ok_or_else(|| invalid("timestamp out of range"))?;
        let next = first.checked_add_months(Months::new(1)).ok_or_else(|| invalid("timestamp out of range"))?;
        days += i32::try_from(next.signed_duration_since(first).num_days()).unwrap_or(DAYS_PER_MONTH);
        months -= 1;
    }
    Ok(IntervalMonthDayNano::new(months, days, time.num_nanoseconds().unwrap_or(0)))
}

/// The text of an interval: `1 year 2 mons 3 days 04:05:06.5`.
#[must_use]
pub fn interval_text(interval: IntervalMonthDayNano) -> String {
    let mut out = String::new();
    let mut negative_before = false;
    let mut part = |out: &mut String, value: i32, unit: &str| {
        if value == 0 {
            return;
        }
        let gap = if out.is_empty() { "" } else { " " };
        let sign = if negative_before && value > 0 { "+" } else { "" };
        let plural = if value == 1 { "" } else { "s" };
        let _ = write!(out, "{gap}{sign}{value} {unit}{plural}");
        negative_before = value < 0;
    };
    part(&mut out, interval.months / MONTHS_PER_YEAR, "year");
    part(&mut out, interval.months % MONTHS_PER_YEAR, "mon");
    part(&mut out, interval.days, "day");
    let micros = (interval.nanoseconds / 1_000).unsigned_abs();
    if micros != 0 || out.is_empty() {
        let gap = if out.is_empty() { "" } else { " " };
        let sign = if interval.nanoseconds < 0 {
            "-"
        } else if negative_before {
            "+"
        } else {
            ""
        };
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let _ = write!(out, "{gap}{sign}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if fraction != 0 {
            out.push_str(format!(".{fraction:06}").trim_end_matches('0'));
        }
    }
    out
}
