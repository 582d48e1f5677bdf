//! Single values in JSON.

use std::io::Write as _;

/// The largest integer up to which JavaScript numbers are exact.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

pub(super) fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

pub(super) fn comma(out: &mut Vec<u8>, i: usize) {
    if i > 0 {
        out.push(b',');
    }
}

pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    // Writing into a Vec does not fail.
    let _ = if value.unsigned_abs() <= MAX_SAFE_INTEGER { write!(out, "{value}") } else { write!(out, "\"{value}\"") };
}

pub(super) fn float(out: &mut Vec<u8>, value: f64) {
    // Debug format: the shortest text that parses to the same number, and 1e300 instead of 300 digits.
    let _ = if value.is_finite() { write!(out, "{value:?}") } else { write!(out, "null") };
}

pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    // Serializing a str into memory does not fail.
    let _ = serde_json::to_writer(&mut *out, text);
}

/// The digits after the point of numerics that nothing declares: of quotients and casts.
const UNDECLARED: i8 = 18;

/// `value` counts units of 10^-`scale`. A browser reads the integer part without loss.
pub(super) fn numeric(out: &mut Vec<u8>, value: i128, scale: i8) {
    let text = numeric_text(value, scale);
    let whole = value.unsigned_abs().checked_div(10_u128.pow(u32::try_from(scale).unwrap_or(0))).unwrap_or(u128::MAX);
    let _ = if whole <= u128::from(MAX_SAFE_INTEGER) { write!(out, "{text}") } else { write!(out, "\"{text}\"") };
}

/// The text of a numeric.
pub(super) fn numeric_text(value: i128, scale: i8) -> String {
    let digits = usize::try_from(scale).unwrap_or(0);
    let text = format!("{:0>width$}", value.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    let fraction = if scale >= UNDECLARED { fraction.trim_end_matches('0') } else { fraction };
    let sign = if value < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Whether times are in UTC, or local to a place that nothing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    Utc,
    Local,
}

impl Zone {
    pub(super) fn of(zone: Option<&str>) -> Self {
        if zone.is_some() { Self::Utc } else { Self::Local }
    }
}

/// `value` counts units of 10^-`digits` seconds since the epoch.
pub(super) fn timestamp(out: &mut Vec<u8>, value: i64, digits: u32, zone: Zone) {
    let unit = 10i64.pow(digits);
    let (seconds, mut fraction) = (value.div_euclid(unit), value.rem_euclid(unit));
    let Some(moment) = chrono::DateTime::from_timestamp(seconds, 0) else {
        // Outside the calendar: PostgreSQL's 'infinity' has such a value.
        return null(out);
    };
    let _ = write!(out, "\"{}", moment.format("%Y-%m-%dT%H:%M:%S"));
    if fraction != 0 {
        let mut width = digits as usize;
        while fraction % 10 == 0 {
            fraction /= 10;
            width -= 1;
        }
        let _ = write!(out, ".{fraction:0width$}");
    }
    out.extend_from_slice(if zone == Zone::Utc { b"Z\"" } else { b"\"" });
}
