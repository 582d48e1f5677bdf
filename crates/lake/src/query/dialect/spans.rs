//! Intervals in texts, as PostgreSQL reads them.

use arrow::array::types::IntervalMonthDayNano;

use super::instants::fraction_in_micros;

const MICROS_PER_SECOND: f64 = 1e6;
const DAYS_PER_MONTH: f64 = 30.0;

/// Months, days and microseconds that are added up.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    months: f64,
    days: f64,
    micros: f64,
}

impl Sum {
    /// Adds a value of a unit. Fractions go on to the next smaller unit: of years to months, of months to days, of days to time.
    fn add(&mut self, value: f64, unit: &str) -> Option<()> {
        let unit = unit.to_ascii_lowercase();
        match unit.as_str() {
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => self.micros += value,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => self.micros += value * 1e3,
            "s" | "sec" | "secs" | "second" | "seconds" => self.micros += value * MICROS_PER_SECOND,
            "m" | "min" | "mins" | "minute" | "minutes" => self.micros += value * 60.0 * MICROS_PER_SECOND,
            "h" | "hr" | "hrs" | "hour" | "hours" => self.micros += value * 3_600.0 * MICROS_PER_SECOND,
            "d" | "day" | "days" => self.add_days(value),
            "w" | "week" | "weeks" => self.add_days(value * 7.0),
            "mon" | "mons" | "month" | "months" => self.add_months(value),
            "y" | "yr" | "yrs" | "year" | "years" => self.months += (value * 12.0).round_ties_even(),
            "dec" | "decs" | "decade" | "decades" => self.months += (value * 120.0).round_ties_even(),
            "c" | "cent" | "century" | "centuries" => self.months += (value * 1_200.0).round_ties_even(),
            "mil" | "mils" | "millennium" | "millennia" => self.months += (value * 12_000.0).round_ties_even(),
            _ => return None,
        }
        Some(())
    }

    fn add_days(&mut self, value: f64) {
        self.days += value.trunc();
        self.micros += value.fract() * 86_400.0 * MICROS_PER_SECOND;
    }

    fn add_months(&mut self, value: f64) {
        self.months += value.trunc();
        self.add_days((value.fract() * DAYS_PER_MONTH * 1e6).round() / 1e6);
    }

    fn made(self, sign: f64) -> Option<IntervalMonthDayNano> {
        let (months, days, micros) = (self.months * sign, self.days * sign, (self.micros * sign).round_ties_even());
        if months.abs() >= 2_147_483_648.0 || days.abs() >= 2_147_483_648.0 || micros.abs() >= 9.2e15 {
            return None;
        }
        Some(IntervalMonthDayNano::new(months as i32, days as i32, micros as i64 * 1_000))
    }
}

/// Parses `1 day 02:03:04`, `1.5 hours`, `90 minutes ago`, `-1 day +02:00`, `P1DT2H`. `None` for any other text, and out of range.
pub(crate) fn parse(text: &str) -> Option<IntervalMonthDayNano> {
    let text = text.trim();
    if let Some(iso) = text.strip_prefix('P') {
        return iso_8601(iso);
    }
    let mut sum = Sum::default();
    let mut words = text.strip_prefix('@').unwrap_or(text).split_ascii_whitespace().peekable();
    words.peek()?;
    let mut sign = 1.0;
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("ago") && words.peek().is_none() {
            sign = -1.0;
        } else if word.contains(':') {
            sum.micros += clock(word)?;
        } else {
            let end = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
            let (value, unit) = word.split_at(end);
            let value = number(value)?;
            match (unit, words.peek()) {
                ("", Some(next)) if next.starts_with(|c: char| c.is_ascii_alphabetic()) && !next.eq_ignore_ascii_case("ago") => {
                    sum.add(value, words.next()?)?;
                }
                // A number without a unit counts seconds, at the end only.
                ("", None) => sum.add(value, "s")?,
                ("", Some(_)) => return None,
                (unit, _) => sum.add(value, unit)?,
            }
        }
    }
    sum.made(sign)
}

/// `1.5`, `-2`, `+.5`; not `1e3` and not `inf`.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    text.parse().ok()
}

/// `02:03:04.5` or `02:03`, with a sign, in microseconds.
fn clock(text: &str) -> Option<f64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let whole = |digits: &str| if digits.bytes().all(|digit| digit.is_ascii_digit()) { digits.parse::<u32>().ok() } else { None };
    let mut parts = digits.split(':');
    let (hours, minutes) = (whole(parts.next()?)?, whole(parts.next()?)?);
    let (seconds, micros) = match parts.next() {
        Some(part) => {
            let (seconds, fraction) = part.split_once('.').unwrap_or((part, ""));
            (whole(seconds)?, fraction_in_micros(fraction)?)
        }
        None => (0, 0),
    };
    if parts.next().is_some() || minutes > 59 || seconds > 59 {
        return None;
    }
    let micros = micros as f64;
    Some(sign * ((f64::from(hours) * 3_600.0 + f64::from(minutes) * 60.0 + f64::from(seconds)) * MICROS_PER_SECOND + micros))
}

/// `1Y2M3DT4H5M6S`, after the P.
fn iso_8601(text: &str) -> Option<IntervalMonthDayNano> {
    let mut sum = Sum::default();
    let (date, time) = text.split_once('T').unwrap_or((text, ""));
    if date.is_empty() && time.is_empty() {
        return None;
    }
    for (part, units) in [
        (date, &[('Y', "year"), ('M', "month"), ('W', "week"), ('D', "day")][..]),
        (time, &[('H', "hour"), ('M', "minute"), ('S', "second")][..]),
    ] {
        let mut rest = part;
        while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) {
            let (_, unit) = units.iter().find(|(letter, _)| rest[at..].starts_with(*letter))?;
            sum.add(number(&rest[..at])?, unit)?;
            rest = &rest[at + 1..];
        }
        if !rest.is_empty() {
            return None;
        }
    }
    sum.made(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::dialect::intervals::interval_text;

    #[test]
    fn texts_are_read_as_postgresql_reads_them() {
        for (text, written) in [
            ("1 day 02:03:04", "1 day 02:03:04"),
            ("90 minutes", "01:30:00"),
            ("1.5 hours", "01:30:00"),
            ("-1 day +02:00", "-1 days +02:00:00"),
            ("P1DT2H", "1 day 02:00:00"),
            ("1 week", "7 days"),
            ("1.5 months", "1 mon 15 days"),
            ("1 hour ago", "-01:00:00"),
            ("5m", "00:05:00"),
            ("90", "00:01:30"),
            ("0", "00:00:00"),
        ] {
            assert_eq!(interval_text(parse(text).expect(text)), written, "{text}");
        }
        for text in ["", "soon", "1 fortnight", "1 2", "1e3 days", "P", "1:99", "99999999999 years"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
