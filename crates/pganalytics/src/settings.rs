//! Values of settings as people write them: `400d`, `256MiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration: `250ms`, `10s`, `5m`, `1h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        pganalytics_views::parse_duration(text).map(Self).ok_or_else(|| "give a whole number with ms, s, m, h or d, as in 30s".to_owned())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(duration) = self;
        let seconds = duration.as_secs();
        if duration.subsec_millis() > 0 {
            return write!(f, "{}ms", duration.as_millis());
        }
        match [(86_400, 'd'), (3_600, 'h'), (60, 'm')].into_iter().find(|(scale, _)| seconds >= *scale && seconds % scale == 0) {
            Some((scale, unit)) => write!(f, "{}{unit}", seconds / scale),
            None => write!(f, "{seconds}s"),
        }
    }
}

/// A size in bytes: `512KiB`, `256MiB`, `2GiB`, or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = UNITS.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
        let (number, scale) = unit.unwrap_or((text, 1));
        let bytes = number.trim().parse::<usize>().ok().and_then(|number| number.checked_mul(scale)).filter(|bytes| *bytes > 0);
        bytes.map(Self).ok_or_else(|| "give a whole number of bytes, or of KiB, MiB or GiB, as in 256MiB".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.into_iter().find(|(_, scale)| self.0 >= *scale && self.0.is_multiple_of(*scale)) {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_parse_as_they_are_displayed() {
        for text in ["250ms", "90s", "5m", "1h", "400d"] {
            assert_eq!(text.parse::<Span>().map(|span| span.to_string()), Ok(text.to_owned()));
        }
        for text in ["1000", "512KiB", "256MiB", "2GiB"] {
            assert_eq!(text.parse::<Size>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "1", "s", "-1s", "1.5h", "0s"] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
        for text in ["", "MiB", "0", "-1", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }
}
