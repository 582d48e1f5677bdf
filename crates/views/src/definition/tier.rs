//! The lengths of rollup bins.

use std::time::Duration;

/// A length of bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    FiveMinutes,
    Hour,
}

impl Tier {
    /// All tiers, the finest first. Bins divide days, so all rows of a bin belong to one day.
    pub const ALL: [Self; 2] = [Self::FiveMinutes, Self::Hour];

    /// The length of a bin.
    #[must_use]
    pub fn bin(self) -> Duration {
        Duration::from_secs(match self {
            Self::FiveMinutes => 300,
            Self::Hour => 3_600,
        })
    }

    /// The tier's name in settings. A rollup's table name ends in `_` and this name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
        }
    }
}
