//! `to_date(text, template)` and `to_timestamp(text, template)`, and `to_timestamp(seconds)`.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::Float64Type;
use arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::error::Result;

use super::calendar::micros;
use super::define::{Defined, Shown};
use super::instants::fraction_in_micros;
use super::kinds::{Family, invalid, refused, timestamptz};

/// The patterns that are read, longest first, with the most characters that each takes.
const PATTERNS: &[(&str, usize)] = &[
    ("MONTH", 9),
    ("HH24", 2),
    ("HH12", 2),
    ("YYYY", 4),
    ("DDD", 3),
    ("MON", 3),
    ("HH", 2),
    ("MI", 2),
    ("SS", 2),
    ("MS", 3),
    ("US", 6),
    ("AM", 2),
    ("PM", 2),
    ("MM", 2),
    ("DD", 2),
];
const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

/// The functions.
pub(crate) fn functions() -> Vec<Defined> {
    vec![
        Defined::new(
            "to_date",
            Shown::Call,
            |types| templated(types, DataType::Date32),
            |args, _| {
                let day = |moment: NaiveDateTime| Ok(moment.date().to_epoch_days());
                Ok(Arc::new(each(args, day)?.into_iter().collect::<Date32Array>()))
            },
        ),
        Defined::new("to_timestamp", Shown::Call, to_timestamp, |args, made| {
            let values: TimestampMicrosecondArray = match args {
                [seconds] => seconds
                    .as_primitive::<Float64Type>()
                    .iter()
                    .map(|seconds| seconds.map(of_seconds).transpose())
                    .collect::<Result<_>>()?,
                _ => each(args, |moment| Ok(micros(moment)))?.into_iter().collect(),
            };
            Ok(cast(&(Arc::new(values) as ArrayRef), made)?)
        }),
    ]
}

fn templated(types: &[DataType], result: DataType) -> Result<(Vec<DataType>, DataType)> {
    match types {
        [text, template] if [text, template].iter().all(|of| matches!(Family::of(of), Family::Text | Family::Null)) => {
            Ok((vec![DataType::Utf8, DataType::Utf8], result))
        }
        _ => Err(refused("to_date and to_timestamp take a text and a template, such as 'YYYY-MM-DD'")),
    }
}

fn to_timestamp(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    match types {
        [number] if matches!(Family::of(number), Family::Number(_) | Family::Null) => Ok((vec![DataType::Float64], timestamptz())),
        [_] => Err(refused("to_timestamp takes seconds, or a text and a template; cast a text with ::timestamptz")),
        _ => templated(types, timestamptz()),
    }
}

fn of_seconds(seconds: f64) -> Result<i64> {
    let micros = (seconds * 1e6).round_ties_even();
    if micros.abs() >= 9.2e18 || micros.is_nan() {
        return Err(invalid(format!("timestamp out of range: \"{seconds}\"")));
    }
    Ok(micros as i64)
}

fn each<T>(args: &[ArrayRef], of: impl Fn(NaiveDateTime) -> Result<T>) -> Result<Vec<Option<T>>> {
    let (texts, templates) = (args[0].as_string::<i32>(), args[1].as_string::<i32>());
    let read = texts
        .iter()
        .zip(templates.iter())
        .map(|(text, template)| text.zip(template).map(|(text, template)| of(read(text, template)?)).transpose());
    read.collect()
}

/// What a text says so far.
#[derive(Debug, Default)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: i64,
    is_twelve: bool,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
}

/// Reads a text by a template.
fn read(text: &str, template: &str) -> Result<NaiveDateTime> {
    let wrong = || invalid(format!("\"{text}\" does not fit the template \"{template}\""));
    let mut fields = Fields::default();
    let (mut rest, mut pattern) = (text, template);
    while let Some(first) = pattern.chars().next() {
        let upper = pattern.get(..pattern.len().min(6)).unwrap_or(pattern).to_uppercase();
        if let Some(after) = pattern.strip_prefix("FM") {
            pattern = after;
            continue;
        }
        if let Some((name, longest)) = PATTERNS.iter().find(|(name, _)| upper.starts_with(name)) {
            pattern = &pattern[name.len()..];
            rest = rest.trim_start();
            let used = fields.take(name, rest, *longest).ok_or_else(wrong)?;
            rest = &rest[used..];
        } else if let Some(quoted) = pattern.strip_prefix('"') {
            let (literal, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            rest = rest.strip_prefix(literal).ok_or_else(wrong)?;
            pattern = after;
        } else if first.is_alphabetic() {
            let known: Vec<&str> = PATTERNS.iter().map(|(name, _)| *name).collect();
            return Err(refused(format!("no pattern is known at '{pattern}' in the template; known are {}", known.join(", "))));
        } else {
            pattern = &pattern[first.len_utf8()..];
            // Any separator stands for any other, as in PostgreSQL.
            if let Some(separator) = rest.chars().next().filter(|c| !c.is_alphanumeric()) {
                rest = &rest[separator.len_utf8()..];
            }
        }
    }
    if !rest.trim().is_empty() && rest.trim().starts_with(|c: char| c.is_alphanumeric()) {
        return Err(wrong());
    }
    fields.moment().ok_or_else(|| invalid(format!("date/time field value out of range: \"{text}\"")))
}

impl Fields {
    /// Reads one field, and returns the bytes that it takes.
    fn take(&mut self, pattern: &str, text: &str, longest: usize) -> Option<usize> {
        let lower = text.get(..text.len().min(9)).unwrap_or(text).to_lowercase();
        match pattern {
            "MONTH" | "MON" => {
                let name = |month: &'static str| if pattern == "MON" { &month[..3] } else { month };
                let at = MONTHS.iter().position(|month| lower.starts_with(name(month)))?;
                self.month = Some(u32::try_from(at).ok()? + 1);
                return Some(name(MONTHS[at]).len());
            }
            "AM" | "PM" => {
                self.afternoon = Some(if lower.starts_with("pm") { true } else { lower.starts_with("am").then_some(false)? });
                return Some(2);
            }
            _ => {}
        }
        let digits = text.bytes().take(longest).take_while(u8::is_ascii_digit).count();
        let number: u32 = text[..digits].parse().ok()?;
        match pattern {
            "YYYY" => self.year = Some(i32::try_from(number).ok()?),
            "MM" => self.month = Some(number),
            "DD" => self.day = Some(number),
            "DDD" => self.day_of_year = Some(number),
            "HH24" => self.hour = number.into(),
            "HH12" | "HH" => {
                self.is_twelve = true;
                self.hour = if (1..=12).contains(&number) { i64::from(number % 12) } else { return None };
            }
            "MI" => self.minute = number.into(),
            "SS" => self.second = number.into(),
            _ => self.micros = fraction_in_micros(&text[..digits])?,
        }
        Some(digits)
    }

    fn moment(&self) -> Option<NaiveDateTime> {
        // Without a year PostgreSQL means 1 BC, which this calendar calls 0; nobody means it.
        let year = self.year?;
        let date = match self.day_of_year {
            Some(day) if self.month.is_none() => NaiveDate::from_yo_opt(year, day)?,
            _ => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        if self.afternoon.is_some() && !self.is_twelve || self.hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let hour = if self.afternoon == Some(true) { self.hour + 12 } else { self.hour };
        let time =
            Duration::hours(hour) + Duration::minutes(self.minute) + Duration::seconds(self.second) + Duration::microseconds(self.micros);
        date.and_time(NaiveTime::MIN).checked_add_signed(time)
    }
}
