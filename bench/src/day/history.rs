//! One day of a simulated server's `pg_stat_statements`: the same for every store, on every machine, in every run.
//!
//! [`STATEMENTS`] statements, [`COLUMNS`] counters, one snapshot in each of [`MINUTES`] minutes. In a minute about 39 % of the statements are called: a fifth
//! always, a quarter more often than not, the rest sometimes. Calls follow a power law and the hour of the day. Most statements read only from memory, a
//! third also from disk, a quarter writes, a few spill to temporary files. Times are whole nanoseconds, so that no store must keep rounding noise.

pub(crate) const STATEMENTS: usize = 2_000;
pub(crate) const MINUTES: usize = 1_440;
/// A sample is the value of one column of one statement at one minute, changed or not: the same denominator for every store.
pub(crate) const SAMPLES: u64 = (STATEMENTS * COLUMNS.len() * MINUTES) as u64;

/// A counter: our column, the exporter's series, and the divisor from our integer to the exporter's unit.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) series: &'static str,
    /// Exporters show seconds.
    pub(crate) divisor: f64,
}

const fn count(name: &'static str, series: &'static str) -> Column {
    Column { name, series, divisor: 1.0 }
}

const fn time(name: &'static str, series: &'static str) -> Column {
    Column { name, series, divisor: 1e9 }
}

pub(crate) const COLUMNS: [Column; 16] = [
    count("calls", "pg_stat_statements_calls_total"),
    time("total_exec_time", "pg_stat_statements_seconds_total"),
    count("rows", "pg_stat_statements_rows_total"),
    count("shared_blks_hit", "pg_stat_statements_shared_blks_hit_total"),
    count("shared_blks_read", "pg_stat_statements_shared_blks_read_total"),
    count("shared_blks_dirtied", "pg_stat_statements_shared_blks_dirtied_total"),
    count("shared_blks_written", "pg_stat_statements_shared_blks_written_total"),
    count("local_blks_hit", "pg_stat_statements_local_blks_hit_total"),
    count("local_blks_read", "pg_stat_statements_local_blks_read_total"),
    count("temp_blks_read", "pg_stat_statements_temp_blks_read_total"),
    count("temp_blks_written", "pg_stat_statements_temp_blks_written_total"),
    time("blk_read_time", "pg_stat_statements_block_read_seconds_total"),
    time("blk_write_time", "pg_stat_statements_block_write_seconds_total"),
    count("wal_records", "pg_stat_statements_wal_records_total"),
    count("wal_fpi", "pg_stat_statements_wal_fpi_total"),
    count("wal_bytes", "pg_stat_statements_wal_bytes_total"),
];

/// The index of `calls` and of `total_exec_time` in a row.
pub(crate) const CALLS: usize = 0;
pub(crate) const EXEC_TIME: usize = 1;

pub(crate) type Row = [i64; COLUMNS.len()];

pub(crate) struct Statement {
    pub(crate) queryid: i64,
    pub(crate) datname: &'static str,
    pub(crate) usename: &'static str,
    pub(crate) text: String,
    nature: Nature,
}

/// The parameters of a statement's counters.
struct Nature {
    /// The chance of a call in a minute.
    activity: f64,
    /// Calls in an active minute at noon.
    rate: f64,
    nanoseconds: f64,
    rows: f64,
    /// Every call returns the same number of rows.
    constant_rows: bool,
    hit: f64,
    read: f64,
    writes: f64,
    temp: f64,
}

/// The day, minute by minute.
pub(crate) struct History {
    pub(crate) statements: Vec<Statement>,
    /// The changes of this minute: zeroes for a statement that was not called.
    pub(crate) deltas: Vec<Row>,
    /// The server's counters after this minute.
    pub(crate) totals: Vec<Row>,
    random: Random,
    minute: usize,
}

impl History {
    #[must_use]
    pub(crate) fn new() -> Self {
        let mut random = Random(0x5eed);
        let statements: Vec<Statement> = (0..STATEMENTS).map(|rank| statement(rank, &mut random)).collect();
        // The server has been up for days, so its counters are large.
        let totals = statements.iter().map(|statement| statement.nature.minute(&mut random, 5_000.0 * statement.nature.rate)).collect();
        Self { deltas: vec![[0; COLUMNS.len()]; STATEMENTS], totals, statements, random, minute: 0 }
    }

    /// Advances by a minute and returns its number; `None` after the day.
    pub(crate) fn advance(&mut self) -> Option<usize> {
        let minute = self.minute;
        if minute == MINUTES {
            return None;
        }
        self.minute += 1;
        let phase = minute as f64 / MINUTES as f64 * std::f64::consts::TAU;
        let daytime = 1.0 - 0.6 * phase.cos();
        for (at, statement) in self.statements.iter().enumerate() {
            self.deltas[at] = if self.random.chance(statement.nature.activity) {
                let calls = statement.nature.rate * daytime;
                let calls = (calls + calls.sqrt() * self.random.normal()).round().max(1.0);
                statement.nature.minute(&mut self.random, calls)
            } else {
                [0; COLUMNS.len()]
            };
            for (total, delta) in self.totals[at].iter_mut().zip(self.deltas[at]) {
                *total += delta;
            }
        }
        Some(minute)
    }
}

impl Nature {
    fn minute(&self, random: &mut Random, calls: f64) -> Row {
        let calls = calls.round();
        let mut noisy = |mean: f64, spread: f64| (mean * (1.0 + spread * random.normal())).max(0.0).round();
        let time = noisy(calls * self.nanoseconds, 0.15);
        let rows = if self.constant_rows { calls * self.rows } else { noisy(calls * self.rows, 0.3) };
        let hit = noisy(calls * self.hit, 0.05);
        let read = noisy(calls * self.read, 0.5);
        let writes = noisy(calls * self.writes, 0.1);
        let temp = noisy(calls * self.temp, 0.1);
        let written = if writes > 200.0 { noisy(writes * 0.01, 0.5) } else { 0.0 };
        let records = if writes > 0.0 { noisy(writes * 2.2, 0.05) } else { 0.0 };
        let images = if writes > 0.0 { noisy(writes * 0.02, 0.5) } else { 0.0 };
        let bytes = if records > 0.0 { noisy(records * 95.0 + images * 7_000.0, 0.05) } else { 0.0 };
        [
            calls,
            time,
            rows,
            hit,
            read,
            writes,
            written,
            0.0,
            0.0,
            temp,
            temp,
            noisy(read * 90_000.0, 0.2),
            noisy(written * 30_000.0, 0.2),
            records,
            images,
            bytes,
        ]
        .map(|value| value as i64)
    }
}

fn statement(rank: usize, random: &mut Random) -> Statement {
    let place = rank as f64 / STATEMENTS as f64;
    let activity = match place {
        place if place < 0.22 => 1.0,
        place if place < 0.46 => 0.6,
        _ => 0.05,
    };
    let (writer, reader, spills) = (random.chance(0.25), random.chance(0.3), random.chance(0.03));
    let nature = Nature {
        activity,
        rate: 20_000.0 / (rank as f64 + 1.0).powf(0.9),
        nanoseconds: 30_000.0 * (2.5 * random.normal().abs()).exp(),
        rows: (random.unit() * 4.0).exp().floor(),
        constant_rows: random.chance(0.6),
        hit: 3.0 + (random.unit() * 5.0).exp(),
        read: if reader { random.unit() } else { 0.0 },
        writes: if writer { 0.5 + 3.0 * random.unit() } else { 0.0 },
        temp: if spills { 400.0 } else { 0.0 },
    };
    let pick = |random: &mut Random, names: &[&'static str]| names[random.below(names.len())];
    Statement {
        queryid: random.next().cast_signed(),
        datname: pick(random, &["shop", "shop", "shop", "billing", "reports"]),
        usename: pick(random, &["app", "app", "worker", "analyst"]),
        text: text(rank, writer, random),
        nature,
    }
}

/// A normalised statement of 100 to 900 bytes.
fn text(rank: usize, writer: bool, random: &mut Random) -> String {
    const NOUNS: [&str; 24] = [
        "order",
        "customer",
        "invoice",
        "product",
        "shipment",
        "address",
        "payment",
        "session",
        "event",
        "account",
        "ticket",
        "message",
        "price",
        "stock",
        "supplier",
        "coupon",
        "review",
        "basket",
        "return",
        "warehouse",
        "carrier",
        "category",
        "campaign",
        "refund",
    ];
    const PARTS: [&str; 12] =
        ["id", "name", "state", "created_at", "updated_at", "amount", "count", "kind", "note", "total", "owner", "code"];
    let column = |random: &mut Random| format!("{}_{}", NOUNS[random.below(NOUNS.len())], PARTS[random.below(PARTS.len())]);
    let columns: Vec<String> = (0..3 + random.below(25)).map(|_| column(random)).collect();
    let (table, other) = (NOUNS[random.below(NOUNS.len())], NOUNS[random.below(NOUNS.len())]);
    let filter = column(random);
    if writer {
        let set: Vec<String> = columns.iter().enumerate().map(|(at, name)| format!("{name} = ${}", at + 2)).collect();
        format!("update {table}_{rank} set {} where {filter} = $1", set.join(", "))
    } else {
        format!(
            "select {} from {table}_{rank} a join {other} b on b.id = a.{other}_id where a.{filter} = $1 and b.state = any ($2) order by {} limit $3",
            columns.join(", "),
            columns[0]
        )
    }
}

/// SplitMix64, written here so that the history stays the same if a library changes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, not including, 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn chance(&mut self, chance: f64) -> bool {
        self.unit() < chance
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.unit() * limit as f64) as usize
    }

    /// Close to a normal distribution with mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        ((0..4).map(|_| self.unit()).sum::<f64>() - 2.0) * 3f64.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::{CALLS, History, MINUTES, STATEMENTS};

    #[test]
    fn about_39_percent_of_the_statements_are_called_in_a_minute() {
        let mut history = History::new();
        let mut active = 0;
        while history.advance().is_some() {
            active += history.deltas.iter().filter(|row| row[CALLS] > 0).count();
        }
        let share = active as f64 / (STATEMENTS * MINUTES) as f64;
        assert!((0.38..0.40).contains(&share), "{share}");
    }

    #[test]
    fn the_history_is_the_same_every_time() {
        let (mut one, mut other) = (History::new(), History::new());
        for _ in 0..10 {
            one.advance();
            other.advance();
        }
        assert_eq!(one.totals, other.totals);
        assert_eq!(one.statements[7].queryid, other.statements[7].queryid);
    }

    #[test]
    fn no_two_statements_share_an_identifier_or_a_text() {
        let history = History::new();
        let mut seen = std::collections::BTreeSet::new();
        assert!(
            history.statements.iter().all(|statement| seen.insert(statement.queryid.to_string()) && seen.insert(statement.text.clone()))
        );
    }
}
