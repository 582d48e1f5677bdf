//! Parses PostgreSQL's text format, in any encoding.

/// Parses a whole number.
pub(super) fn int(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    // A numeric column such as wal_bytes may have a fraction of zero. A number beyond 64 bits becomes the nearest one that fits.
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, as intended")]
        Some(number as i64)
    })
}

pub(super) fn float(value: &[u8]) -> Option<f64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// `2024-05-06 07:08:09.123456+00` (`DateStyle` ISO) as microseconds since the epoch.
#[must_use]
pub(super) fn timestamptz(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let (date, time) = text.split_once(' ')?;
    let date = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let zone = time.find(['+', '-'])?;
    let (time, zone) = time.split_at(zone);
    let time = chrono::NaiveTime::parse_from_str(time, "%H:%M:%S%.f").ok()?;
    let mut parts = zone[1..].split(':').map(|part| part.parse::<i64>().ok());
    let seconds = parts.next()?? * 3_600 + parts.next().flatten().unwrap_or(0) * 60 + parts.next().flatten().unwrap_or(0);
    let offset = if zone.starts_with('-') { -seconds } else { seconds };
    Some(date.and_time(time).and_utc().timestamp_micros() - offset * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_parsed_with_any_offset_and_fraction() {
        for (text, micros) in [
            ("1970-01-01 00:00:00+00", 0),
            ("1970-01-01 00:00:01.5+00", 1_500_000),
            ("1970-01-01 05:30:00.000001+05:30", 1),
            ("1969-12-31 19:00:00-05", 0),
            ("2024-05-06 07:08:09.123456+00", 1_714_979_289_123_456),
        ] {
            assert_eq!(timestamptz(text.as_bytes()), Some(micros), "{text}");
        }
        assert_eq!(timestamptz(b"infinity"), None);
        assert_eq!(timestamptz(b"2024-05-06"), None);
    }
}
