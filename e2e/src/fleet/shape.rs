//! The numbers from which a fleet follows. They are the first record of each ledger.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub seed: u64,
    pub collectors: u32,
    /// Servers of each collector.
    pub servers: u32,
    /// Statements of each server; 39 % of them are active in a minute.
    pub statements: u32,
    /// Tables of each server; each has two indexes.
    pub tables: u32,
    /// The beginning of the fleet's time, microseconds since 1970. No row is older.
    pub origin_us: i64,
    /// The wall clock's time at that moment; the same as the origin unless the fleet's time runs at another speed.
    pub wall_us: i64,
    /// Seconds of the fleet's time per second of the wall clock.
    pub speed: f64,
    /// The interval at which a collector closes a batch, in the fleet's time.
    pub flush_ms: u32,
    /// Whether rows that are shipped once a day (settings, statement texts) are spread over the day, as in a fleet that has run for long. Otherwise
    /// every server ships them at the start.
    #[serde(default)]
    pub settled: bool,
    /// The number of batches after which a collector ends; unlimited if none.
    pub batches: Option<u64>,
}

/// Bounds that keep every number far from an overflow.
const MOST_COLLECTORS: u32 = 9_999;
const MOST_SERVERS: u32 = 999;
const MOST_ROWS: u32 = 50_000;

impl Shape {
    /// Ten servers per collector, 500 statements and 40 tables per server, from now on, at the pace of the wall clock.
    #[must_use]
    pub fn new(seed: u64, servers: u32, now_us: i64) -> Self {
        let each = servers.clamp(1, 10);
        Self {
            seed,
            collectors: servers.div_ceil(each),
            servers: each,
            statements: 500,
            tables: 40,
            origin_us: now_us,
            wall_us: now_us,
            speed: 1.0,
            flush_ms: 10_000,
            settled: false,
            batches: None,
        }
    }

    /// The same fleet as if it had begun this long ago: the batches since then wait to be shipped.
    #[must_use]
    pub fn with_backlog(mut self, of: Duration) -> Self {
        let us = i64::try_from(of.as_micros()).unwrap_or(0);
        self.origin_us -= us;
        self.wall_us -= us;
        self
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// The number that is out of bounds.
    pub fn check(&self) -> Result<()> {
        let within = |what: &str, number: u32, most: u32| {
            ensure!((1..=most).contains(&number), "{what} {number} is out of range: use 1 to {most}");
            Ok(())
        };
        within("collectors", self.collectors, MOST_COLLECTORS)?;
        within("servers of a collector", self.servers, MOST_SERVERS)?;
        within("statements", self.statements, MOST_ROWS)?;
        within("tables", self.tables, MOST_ROWS / 2)?;
        within("flush (ms)", self.flush_ms, 3_600_000)?;
        ensure!(self.speed > 0.0 && self.speed.is_finite(), "speed {} is not a positive number", self.speed);
        Ok(())
    }

    /// The number of servers.
    #[must_use]
    pub fn all_servers(&self) -> u64 {
        u64::from(self.collectors) * u64::from(self.servers)
    }

    /// The name of a collector's server. Names sort like their numbers, so the names of one collector are adjacent.
    #[must_use]
    pub fn server(&self, collector: u32, server: u32) -> String {
        format!("fleet-{collector:04}-{server:03}.example.com:5432")
    }

    /// The range of the names of these collectors' servers: from the first name on, before the second.
    #[must_use]
    pub fn server_range(&self, first: u32, last: u32) -> (String, String) {
        (format!("fleet-{first:04}-"), format!("fleet-{last:04}."))
    }

    #[must_use]
    pub fn collector_name(&self, collector: u32) -> String {
        format!("fleet-{collector:04}")
    }

    /// A collector's identity. It depends on the origin: another run with the same seed is another fleet, whose sequences begin at 1.
    #[must_use]
    pub fn collector_id(&self, collector: u32) -> Uuid {
        let half = |salt: u64| u128::from(mix(self.seed ^ mix(u64::from(collector) ^ salt) ^ self.origin_us.cast_unsigned()));
        Uuid::from_u128(half(1) << 64 | half(2))
    }

    /// The time that a batch covers: from the first moment on, before the second.
    #[must_use]
    pub fn window(&self, sequence: u64) -> (i64, i64) {
        let flush = i64::from(self.flush_ms) * 1_000;
        let end = self.origin_us.saturating_add(flush.saturating_mul(i64::try_from(sequence).unwrap_or(i64::MAX)));
        (end - flush, end)
    }

    /// When a collector closes the batch, by the wall clock. Collectors are spread over the interval.
    #[must_use]
    pub fn closes_us(&self, collector: u32, sequence: u64) -> i64 {
        let flush = f64::from(self.flush_ms) * 1_000.0;
        let offset = f64::from(collector) / f64::from(self.collectors);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "microseconds of a run stay far below 2^53")]
        let after = ((sequence as f64 + offset) * flush / self.speed) as i64;
        self.wall_us.saturating_add(after)
    }
}

/// SplitMix64: every bit of the input changes all bits of the output.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
