//! Durations as people write them.

use std::time::Duration;

/// Parses `250ms`, `10s`, `5m`, `1h` or `7d`.
///
/// `None` if the text is not a whole positive number with one of these units.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let seconds = |scale: u64| number.checked_mul(scale).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(86_400),
        _ => None,
    }
}
