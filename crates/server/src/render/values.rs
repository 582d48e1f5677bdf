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

/// `value` counts units of 10^-`digits` seconds since the epoch.
pub(super) fn timestamp(out: &mut Vec<u8>, value: i64, digits: u32) {
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
    out.extend_from_slice(b"Z\"");
}
