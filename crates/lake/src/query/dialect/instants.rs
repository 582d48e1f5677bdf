//! Dates and times in texts, as PostgreSQL reads them in the ISO style.

use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};

use super::calendar::micros;
use super::zones::Zone;

/// A date and time as it was written, with the zone if the text names one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) local: NaiveDateTime,
    pub(crate) zone: Option<Zone>,
}

impl Written {
    /// As `timestamp`: PostgreSQL ignores the zone.
    pub(crate) fn timestamp(self) -> i64 {
        micros(self.local)
    }

    /// As `timestamptz`. Without a zone the text is in UTC, the zone of all sessions here.
    pub(crate) fn timestamptz(self) -> i64 {
        self.zone.map_or_else(|| micros(self.local), |zone| zone.to_utc(micros(self.local)))
    }
}

/// Parses `2026-11-29`, `2026-11-29 10:00`, `2026-11-29T10:00:00.5+02:00`, `2026-11-29 10:00 Europe/Berlin`. `None` for any other text.
pub(crate) fn parse(text: &str) -> Option<Written> {
    let text = text.trim();
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() < 4 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(number(year, 6)?).ok()?, number(month, 2)?, number(day, 2)?)?;
    // Year 0 is 1 BC, which PostgreSQL writes otherwise.
    if year.trim_start_matches('0').is_empty() {
        return None;
    }
    let rest = rest.trim_start();
    if rest.is_empty() {
        return Some(Written { local: date.and_time(NaiveTime::MIN), zone: None });
    }
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(end);
    let local = date.and_time(NaiveTime::MIN).checked_add_signed(time_of_day(time)?)?;
    let zone = match zone.trim() {
        "" => None,
        zone => Some(Zone::written(zone)?),
    };
    Some(Written { local, zone })
}

/// The time since midnight of `10:00`, `10:00:05` or `10:00:05.123456`, up to `24:00:00`.
pub(crate) fn time_of_day(text: &str) -> Option<Duration> {
    let mut parts = text.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (second, micros) = match parts.next() {
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            (number(whole, 2)?, fraction_in_micros(fraction)?)
        }
        None => (0, 0),
    };
    let time =
        Duration::hours(hour.into()) + Duration::minutes(minute.into()) + Duration::seconds(second.into()) + Duration::microseconds(micros);
    (parts.next().is_none() && minute < 60 && second < 60 && time <= Duration::days(1)).then_some(time)
}

/// Digits behind the point of seconds, rounded to microseconds.
pub(crate) fn fraction_in_micros(digits: &str) -> Option<i64> {
    if digits.is_empty() {
        return Some(0);
    }
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{digits:0<7}");
    let tenths: i64 = padded[..7].parse().ok()?;
    Some((tenths + 5) / 10)
}

fn number(digits: &str, longest: usize) -> Option<u32> {
    if digits.is_empty() || digits.len() > longest || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_postgresql_reads_them() {
        let hour = 3_600_000_000;
        let midnight = parse("2026-11-29").expect("a date").timestamp();
        for (text, timestamp, timestamptz) in [
            ("2026-11-29 10:00+02", 10 * hour, 8 * hour),
            ("2026-11-29T10:00:00Z", 10 * hour, 10 * hour),
            ("2026-11-29 10:00:00.0000005-0530", 10 * hour + 1, 15 * hour + hour / 2 + 1),
            (" 2026-11-29 10:00 Europe/Berlin ", 10 * hour, 9 * hour),
            ("2026-11-29 24:00", 24 * hour, 24 * hour),
        ] {
            let written = parse(text).expect(text);
            assert_eq!((written.timestamp() - midnight, written.timestamptz() - midnight), (timestamp, timestamptz), "{text}");
        }
        for text in
            ["", "2026", "2026-13-01", "2026-02-30", "11/29/2026", "2026-11-29 25:00", "2026-11-29 10:60", "now", "2026-11-29 10:00 Mars"]
        {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
