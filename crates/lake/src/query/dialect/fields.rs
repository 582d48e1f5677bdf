//! `extract()`, `date_part()`, and `date_trunc()` with a time zone.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Date32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType};
use arrow::array::{Array as _, ArrayRef, Decimal128Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
use datafusion::error::{DataFusionError, Result};

use super::calendar::{micros, naive};
use super::define::{Defined, Shown};
use super::kinds::{Family, INTERVAL, TIMESTAMP, invalid, refused, timestamptz, type_name};
use super::zones::Zones;

const MICROS_PER_DAY: i64 = 86_400_000_000;
const SECOND: i128 = 1_000_000;
/// Days from 4714-11-24 BC, where Julian days begin, to 1970.
const JULIAN_EPOCH: i64 = 2_440_588;

/// Fields that are whole numbers, for the type of `extract()`.
const WHOLE: &[&str] = &[
    "century",
    "day",
    "days",
    "decade",
    "dow",
    "doy",
    "hour",
    "hours",
    "isodow",
    "isoyear",
    "microsecond",
    "microseconds",
    "millennium",
    "minute",
    "minutes",
    "month",
    "months",
    "quarter",
    "timezone",
    "week",
    "year",
    "years",
];

/// Whether a field is a whole number.
pub(crate) fn is_whole(field: &str) -> bool {
    WHOLE.contains(&field.to_ascii_lowercase().as_str())
}

/// The functions.
pub(crate) fn functions() -> Vec<Defined> {
    vec![
        Defined::new("extract_whole", Shown::Call, |types| parts(types, DataType::Decimal128(20, 0)), decimals),
        Defined::new("extract_exact", Shown::Call, |types| parts(types, DataType::Decimal128(26, 6)), decimals),
        Defined::new(
            "date_part",
            Shown::Call,
            |types| parts(types, DataType::Float64),
            |args, made| Ok(cast(&decimals(args, &DataType::Decimal128(26, 6))?, made)?),
        ),
        Defined::new("date_trunc_in", Shown::Call, in_zone, truncated),
    ]
}

fn parts(types: &[DataType], result: DataType) -> Result<(Vec<DataType>, DataType)> {
    let [_, from] = types else { return Err(refused("extract() takes a field and a time")) };
    let read = match Family::of(from) {
        Family::Null | Family::Timestamptz => timestamptz(),
        Family::Timestamp => TIMESTAMP,
        Family::Date => DataType::Date32,
        Family::Interval => INTERVAL,
        Family::Time => DataType::Time64(TimeUnit::Microsecond),
        _ => {
            return Err(refused(format!(
                "extract takes a time or an interval, not {}; cast it, for instance with ::timestamptz",
                type_name(from)
            )));
        }
    };
    Ok((vec![DataType::Utf8, read], result))
}

/// Millionths of the field.
fn decimals(args: &[ArrayRef], made: &DataType) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = made else { return Err(refused("extract() gives a numeric")) };
    let names = cast(&args[0], &DataType::Utf8)?;
    let names = names.as_string::<i32>();
    let r#type = args[1].data_type();
    let of = |name: &str, missing: &dyn Fn() -> DataFusionError, row: usize| -> Result<i128> {
        match r#type {
            DataType::Date32 => {
                let date = Date32Type::to_naive_date_opt(args[1].as_primitive::<Date32Type>().value(row))
                    .ok_or_else(|| invalid("date out of range"))?;
                of_date(name, date).filter(|_| name != "timezone").ok_or_else(missing)
            }
            DataType::Interval(_) => of_interval(name, args[1].as_primitive::<IntervalMonthDayNanoType>().value(row)).ok_or_else(missing),
            DataType::Time64(_) => of_time(name, args[1].as_primitive::<Time64MicrosecondType>().value(row)).ok_or_else(missing),
            _ => {
                let value = args[1].as_primitive::<TimestampMicrosecondType>().value(row);
                let moment = naive(value).ok_or_else(|| invalid("timestamp out of range"))?;
                match name {
                    "epoch" => Ok(i128::from(value)),
                    "timezone" if *r#type != TIMESTAMP => Ok(0),
                    "julian" => Ok(i128::from(moment.date().to_epoch_days()) * SECOND
                        + i128::from(JULIAN_EPOCH) * SECOND
                        + i128::from(value.rem_euclid(MICROS_PER_DAY)) * SECOND / i128::from(MICROS_PER_DAY)),
                    _ => of_date(name, moment.date()).or_else(|| of_time(name, value.rem_euclid(MICROS_PER_DAY))).ok_or_else(missing),
                }
            }
        }
    };
    let unit = if *scale == 0 { SECOND } else { 1 };
    let values = (0..args[1].len()).map(|row| {
        if names.is_null(row) || args[1].is_null(row) {
            return Ok(None);
        }
        let name = names.value(row).to_ascii_lowercase();
        let missing = || refused(format!("extract: unit \"{name}\" is not known for type {}", type_name(r#type)));
        Ok(Some(of(&name, &missing, row)? / unit))
    });
    let values = values.collect::<Result<Decimal128Array>>()?;
    Ok(Arc::new(values.with_precision_and_scale(*precision, *scale)?))
}

fn of_date(field: &str, date: NaiveDate) -> Option<i128> {
    let year = i64::from(date.year());
    let week = date.iso_week();
    let whole = match field {
        "year" | "years" => year,
        "isoyear" => week.year().into(),
        "month" | "months" => date.month().into(),
        "day" | "days" => date.day().into(),
        "quarter" => date.month0() as i64 / 3 + 1,
        "week" | "weeks" => week.week().into(),
        "dow" => date.weekday().num_days_from_sunday().into(),
        "isodow" => date.weekday().number_from_monday().into(),
        "doy" => date.ordinal().into(),
        "decade" => year.div_euclid(10),
        "century" => (year + 99).div_euclid(100),
        "millennium" => (year + 999).div_euclid(1_000),
        "epoch" => i64::from(date.to_epoch_days()) * 86_400,
        "julian" => i64::from(date.to_epoch_days()) + JULIAN_EPOCH,
        _ => return None,
    };
    Some(i128::from(whole) * SECOND)
}

fn of_time(field: &str, micros: i64) -> Option<i128> {
    let micros = i128::from(micros);
    let in_minute = micros % (60 * SECOND);
    Some(match field {
        "hour" | "hours" => micros / (3_600 * SECOND) * SECOND,
        "minute" | "minutes" => micros / (60 * SECOND) % 60 * SECOND,
        "second" | "seconds" => in_minute,
        "millisecond" | "milliseconds" => in_minute * 1_000,
        "microsecond" | "microseconds" => in_minute * SECOND,
        "epoch" => micros,
        _ => return None,
    })
}

fn of_interval(field: &str, interval: IntervalMonthDayNano) -> Option<i128> {
    let (years, months) = (i128::from(interval.months / 12), i128::from(interval.months % 12));
    let micros = i128::from(interval.nanoseconds / 1_000);
    let days = i128::from(interval.days);
    Some(match field {
        "year" | "years" => years * SECOND,
        "month" | "months" => months * SECOND,
        "quarter" => (months / 3 + 1) * SECOND,
        "decade" => years / 10 * SECOND,
        "century" => years / 100 * SECOND,
        "millennium" => years / 1_000 * SECOND,
        "day" | "days" => days * SECOND,
        "week" => days / 7 * SECOND,
        "hour" | "hours" => micros / (3_600 * SECOND) * SECOND,
        // A year has 365.25 days here, a month 30.
        "epoch" => (years * 31_557_600 + months * 2_592_000 + days * 86_400) * SECOND + micros,
        _ => return of_time(field, i64::try_from(micros % (3_600 * SECOND)).ok()?),
    })
}

fn in_zone(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    match types {
        [_, _, zone] if !matches!(Family::of(zone), Family::Text | Family::Null) => Err(refused("date_trunc: a time zone is a text")),
        [_, time, _] => match Family::of(time) {
            Family::Timestamptz | Family::Timestamp | Family::Date | Family::Null => {
                Ok((vec![DataType::Utf8, timestamptz(), DataType::Utf8], timestamptz()))
            }
            _ => Err(refused(format!("date_trunc with a time zone takes a timestamptz, not {}", type_name(time)))),
        },
        [_, time] => match Family::of(time) {
            Family::Timestamp => Ok((vec![DataType::Utf8, TIMESTAMP], TIMESTAMP)),
            Family::Timestamptz | Family::Date | Family::Null => Ok((vec![DataType::Utf8, timestamptz()], timestamptz())),
            _ => Err(refused(format!("date_trunc takes a timestamp, not {}; cast it with ::timestamptz", type_name(time)))),
        },
        _ => Err(refused("date_trunc takes a field, a time, and perhaps a time zone")),
    }
}

fn truncated(args: &[ArrayRef], made: &DataType) -> Result<ArrayRef> {
    let names: StringArray = args[0].as_string::<i32>().clone();
    let moments = args[1].as_primitive::<TimestampMicrosecondType>();
    let zone_names = args.get(2).map(|zones| zones.as_string::<i32>());
    let mut zones = Zones::default();
    let values = (0..moments.len()).map(|row| {
        if names.is_null(row) || moments.is_null(row) || zone_names.is_some_and(|zones| zones.is_null(row)) {
            return Ok(None);
        }
        let zone = zone_names.map(|names| zones.find(names.value(row))).transpose()?;
        let local = zone.map_or(moments.value(row), |zone| zone.to_local(moments.value(row)));
        let start = start(names.value(row), naive(local).ok_or_else(|| invalid("timestamp out of range"))?)?;
        Ok(Some(zone.map_or(micros(start), |zone| zone.to_utc(micros(start)))))
    });
    let values: ArrayRef = Arc::new(values.collect::<Result<TimestampMicrosecondArray>>()?);
    Ok(cast(&values, made)?)
}

/// The start of the field in which a local time lies.
fn start(field: &str, moment: NaiveDateTime) -> Result<NaiveDateTime> {
    let date = moment.date();
    let time = moment.time();
    let year = |year: i32| NaiveDate::from_ymd_opt(year, 1, 1);
    let day = match field.to_ascii_lowercase().as_str() {
        "microseconds" | "microsecond" => return Ok(moment),
        "milliseconds" | "millisecond" => return Ok(moment.with_nanosecond(time.nanosecond() / 1_000_000 * 1_000_000).unwrap_or(moment)),
        "second" => NaiveTime::from_hms_opt(time.hour(), time.minute(), time.second()).map(|time| date.and_time(time)),
        "minute" => NaiveTime::from_hms_opt(time.hour(), time.minute(), 0).map(|time| date.and_time(time)),
        "hour" => NaiveTime::from_hms_opt(time.hour(), 0, 0).map(|time| date.and_time(time)),
        "day" => Some(date.and_time(NaiveTime::MIN)),
        "week" => {
            let back = chrono::Days::new(date.weekday().num_days_from_monday().into());
            date.checked_sub_days(back).map(|date| date.and_time(NaiveTime::MIN))
        }
        "month" => date.with_day(1).map(|date| date.and_time(NaiveTime::MIN)),
        "quarter" => NaiveDate::from_ymd_opt(date.year(), date.month0() / 3 * 3 + 1, 1).map(|date| date.and_time(NaiveTime::MIN)),
        "year" => year(date.year()).map(|date| date.and_time(NaiveTime::MIN)),
        "decade" => year(date.year().div_euclid(10) * 10).map(|date| date.and_time(NaiveTime::MIN)),
        "century" => year((date.year() - 1).div_euclid(100) * 100 + 1).map(|date| date.and_time(NaiveTime::MIN)),
        "millennium" => year((date.year() - 1).div_euclid(1_000) * 1_000 + 1).map(|date| date.and_time(NaiveTime::MIN)),
        _ => return Err(refused(format!("date_trunc: unit \"{field}\" is not known"))),
    };
    day.ok_or_else(|| invalid("timestamp out of range"))
}
