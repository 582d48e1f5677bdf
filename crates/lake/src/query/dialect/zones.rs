//! Time zones, and `AT TIME ZONE`.

use std::str::FromStr as _;
use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::timezone::Tz;
use arrow::array::types::{IntervalMonthDayNanoType, TimestampMicrosecondType};
use arrow::array::{Array as _, ArrayRef, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use chrono::{LocalResult, Offset as _, TimeZone as _};
use datafusion::error::Result;

use super::calendar::naive;
use super::define::{Defined, Shown};
use super::kinds::{Family, INTERVAL, TIMESTAMP, invalid, refused, timestamptz};

/// Abbreviations that PostgreSQL knows by default, with their hours east of Greenwich. They never follow daylight saving time.
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("Z", 0),
    ("ZULU", 0),
    ("WET", 0),
    ("WEST", 1),
    ("BST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("MEZ", 1),
    ("MESZ", 2),
    ("EET", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("AKST", -9),
    ("AKDT", -8),
    ("HST", -10),
    ("JST", 9),
    ("KST", 9),
];
const SECOND: i64 = 1_000_000;

/// A time zone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Zone {
    /// Seconds east of Greenwich.
    Fixed(i32),
    Named(Tz),
}

impl Zone {
    /// The zone of a name in `AT TIME ZONE`: an abbreviation, a name of the IANA database, or an offset in POSIX style, whose sign is
    /// positive **west** of Greenwich.
    pub(crate) fn find(name: &str) -> Result<Self> {
        let unknown = || invalid(format!("time zone \"{name}\" is not known; use a name such as 'Europe/Berlin', or 'UTC'"));
        match offset(name) {
            Some(east) => Ok(Self::Fixed(-east)),
            None => Self::named(name).ok_or_else(unknown),
        }
    }

    /// The zone at the end of a written time: as [`Self::find`], but offsets are positive **east** of Greenwich, as in ISO 8601.
    pub(crate) fn written(name: &str) -> Option<Self> {
        offset(name).map(Self::Fixed).or_else(|| Self::named(name))
    }

    fn named(name: &str) -> Option<Self> {
        if let Some((_, hours)) = ABBREVIATIONS.iter().find(|(abbreviation, _)| abbreviation.eq_ignore_ascii_case(name)) {
            return Some(Self::Fixed(hours * 3_600));
        }
        // Arrow reads "+02:00" as well, with another sign.
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let capitalised = || {
            let mut upper = true;
            let letters = name.chars().map(|c| {
                let made = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
                upper = matches!(c, '/' | '_' | '-');
                made
            });
            letters.collect::<String>()
        };
        Tz::from_str(name).or_else(|_| Tz::from_str(&capitalised())).ok().map(Self::Named)
    }

    /// The local time of a moment.
    pub(crate) fn to_local(self, utc: i64) -> i64 {
        let east = match self {
            Self::Fixed(east) => east,
            Self::Named(zone) => match naive(utc) {
                Some(moment) => zone.offset_from_utc_datetime(&moment).fix().local_minus_utc(),
                None => 0,
            },
        };
        utc.saturating_add(i64::from(east) * SECOND)
    }

    /// The moment of a local time. A time that a transition skips is read with the offset before it; a time that occurs twice is the second
    /// one. PostgreSQL does the same.
    pub(crate) fn to_utc(self, local: i64) -> i64 {
        let east = match self {
            Self::Fixed(east) => east,
            Self::Named(zone) => match naive(local) {
                Some(moment) => match zone.offset_from_local_datetime(&moment) {
                    LocalResult::Single(offset) => offset.fix().local_minus_utc(),
                    LocalResult::Ambiguous(_, later) => later.fix().local_minus_utc(),
                    LocalResult::None => {
                        let before = moment - chrono::TimeDelta::days(1);
                        zone.offset_from_utc_datetime(&before).fix().local_minus_utc()
                    }
                },
                None => 0,
            },
        };
        local.saturating_sub(i64::from(east) * SECOND)
    }
}

/// The seconds of `+02`, `-5:30`, `+0530` or `+02:00:00`.
fn offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let number = |digits: &str| if digits.len() <= 2 && !digits.is_empty() { digits.parse::<i32>().ok() } else { None };
    let (hours, minutes, seconds) = match digits.split(':').collect::<Vec<_>>().as_slice() {
        [both] if both.len() == 4 => (number(both.get(..2)?)?, number(both.get(2..)?)?, 0),
        [hours] => (number(hours)?, 0, 0),
        [hours, minutes] => (number(hours)?, number(minutes)?, 0),
        [hours, minutes, seconds] => (number(hours)?, number(minutes)?, number(seconds)?),
        _ => return None,
    };
    (hours <= 15 && minutes < 60 && seconds < 60 && digits.is_ascii()).then_some(sign * (hours * 3_600 + minutes * 60 + seconds))
}

/// Finds zones by name, and remembers the last one.
#[derive(Debug, Default)]
pub(crate) struct Zones(Option<(String, Zone)>);

impl Zones {
    pub(crate) fn find(&mut self, name: &str) -> Result<Zone> {
        if let Some((known, zone)) = &self.0
            && known == name
        {
            return Ok(*zone);
        }
        let zone = Zone::find(name)?;
        self.0 = Some((name.to_owned(), zone));
        Ok(zone)
    }
}

/// `timezone(zone, time)`, which `time AT TIME ZONE zone` stands for.
pub(crate) fn timezone() -> Defined {
    Defined::new("timezone", Shown::Call, types, |args, made| {
        let moments = args[1].as_primitive::<TimestampMicrosecondType>();
        // A time with a zone becomes a local time, and a local time becomes one with a zone.
        let to_local = *made == TIMESTAMP;
        let turn = |zone: Zone, moment: i64| if to_local { zone.to_local(moment) } else { zone.to_utc(moment) };
        let turned: TimestampMicrosecondArray = if *args[0].data_type() == INTERVAL {
            let zones = args[0].as_primitive::<IntervalMonthDayNanoType>();
            let turned = zones.iter().zip(moments.iter()).map(|(zone, moment)| match (zone, moment) {
                (Some(zone), Some(moment)) if zone.months == 0 && zone.days == 0 => {
                    let east = i32::try_from(zone.nanoseconds / 1_000 / SECOND).unwrap_or(0);
                    Ok(Some(turn(Zone::Fixed(east), moment)))
                }
                (Some(_), Some(_)) => Err(invalid("interval time zone must not include months or days")),
                _ => Ok(None),
            });
            turned.collect::<Result<_>>()?
        } else {
            let names = cast(&args[0], &DataType::Utf8)?;
            let mut zones = Zones::default();
            let turned = names.as_string::<i32>().iter().zip(moments.iter()).map(|(name, moment)| match (name, moment) {
                (Some(name), Some(moment)) => Ok(Some(turn(zones.find(name)?, moment))),
                _ => Ok(None),
            });
            turned.collect::<Result<_>>()?
        };
        let turned: ArrayRef = Arc::new(turned);
        Ok(cast(&turned, made)?)
    })
}

fn types(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    let [zone, time] = types else { return Err(refused("timezone() takes a zone and a time")) };
    let zone = match Family::of(zone) {
        Family::Interval => INTERVAL,
        Family::Text | Family::Null => DataType::Utf8,
        _ => return Err(refused("a time zone is a text, such as 'Europe/Berlin'")),
    };
    match Family::of(time) {
        Family::Timestamp => Ok((vec![zone, TIMESTAMP], timestamptz())),
        Family::Timestamptz | Family::Null | Family::Date => Ok((vec![zone, timestamptz()], TIMESTAMP)),
        _ => Err(refused("at time zone takes a timestamp; cast the text with ::timestamptz or ::timestamp")),
    }
}
