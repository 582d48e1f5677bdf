//! The newest state of every server, apart from the history.
//!
//! # Promise
//! `pganalytics_fleet` and `pganalytics_fleet_minutes` are what the history's rows of the last hour say (of the last [`FACTS`] for sizes and
//! ages, which rest for long), and asking for them reads no file and no hot row: their cost follows the number of servers alone.
//!
//! # How
//! Rows are noted as they become visible. Each server has a slot for each minute, and the moments of the snapshots that are in
//! it, so that rows seen twice (at a start from both files and hot batches) count once. A snapshot comes whole: in one batch of a
//! collector, and from files once all rows of its server are read. At a start, what the newest files hold is noted before the first
//! query is answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::cast::AsArray as _;
use arrow::array::types::{Int64Type, TimestampMicrosecondType};
use arrow::array::{Array as _, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;

use crate::model::shape::{SERVER_AT, TS_AT};

/// The tables' names.
pub(crate) const FLEET: &str = "pganalytics_fleet";
pub(crate) const MINUTES: &str = "pganalytics_fleet_minutes";
/// The views that are noted, and how far back a start reads them, in microseconds.
pub(crate) const NOTED: [(&str, i64); 4] = [(SERVERS_VIEW, HOUR), (ACTIVITY_VIEW, HOUR), (WORK_VIEW, HOUR), (DATABASES_VIEW, FACTS)];
const SERVERS_VIEW: &str = "pganalytics_server";
const ACTIVITY_VIEW: &str = "pg_stat_activity";
const WORK_VIEW: &str = "pg_stat_database";
const DATABASES_VIEW: &str = "pg_database";

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// Sizes and ages are shipped when they change and at least once a day.
const FACTS: i64 = 25 * HOUR;
/// Minutes that are kept: an hour, the one that runs, and the way here.
const SLOTS: i64 = 65;
/// Snapshots whose moments are remembered: one each second of the slots would be a collector gone wild.
const MOMENTS: usize = 65 * 60;
/// Servers that are kept; the ones that were silent longest make room. Ten times the fleet one backend is measured with.
const SERVERS: usize = 100_000;

/// The newest state.
#[derive(Debug, Default)]
pub(crate) struct Fleet(BTreeMap<String, State>);

#[derive(Debug, Default)]
struct State {
    /// The newest snapshot of any noted view.
    newest: i64,
    /// When the server was last tried, and whether it answered.
    up: Option<(i64, bool)>,
    databases: BTreeMap<String, Database>,
    minutes: VecDeque<Minute>,
    sampled: Moments,
    worked: Moments,
}

/// When a database was read, and what was found.
#[derive(Debug, Clone, Copy)]
struct Database {
    ts: i64,
    size: Option<i64>,
    age: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    start: i64,
    sampled_ms: i64,
    active_samples: i64,
    work_ms: i64,
    transactions: i64,
    blks_hit: i64,
    blks_read: i64,
}

/// The moments of the snapshots that are counted.
#[derive(Debug, Default)]
struct Moments(VecDeque<i64>);

impl Moments {
    /// Whether a snapshot is new, and then it is remembered.
    fn take(&mut self, ts: i64) -> bool {
        match self.0.binary_search(&ts) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, ts);
                while self.0.len() > MOMENTS {
                    self.0.pop_front();
                }
                true
            }
        }
    }
}

impl State {
    /// The slot of a moment; none if it is older than what is kept.
    fn minute(&mut self, ts: i64) -> Option<&mut Minute> {
        let start = ts.div_euclid(MINUTE) * MINUTE;
        let newest = self.minutes.back().map_or(start, |newest| newest.start.max(start));
        let oldest = newest - (SLOTS - 1) * MINUTE;
        if start < oldest {
            return None;
        }
        while self.minutes.front().is_some_and(|first| first.start < oldest) {
            self.minutes.pop_front();
        }
        let at = match self.minutes.binary_search_by_key(&start, |minute| minute.start) {
            Ok(at) => at,
            Err(at) => {
                self.minutes.insert(at, Minute { start, ..Minute::default() });
                at
            }
        };
        self.minutes.get_mut(at)
    }
}

/// What one snapshot of one server adds.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    ms: i64,
    first: i64,
    hit: i64,
    read: i64,
}

/// Snapshots' sums, by server and moment.
pub(crate) type Sums = BTreeMap<String, BTreeMap<i64, Sum>>;

impl Fleet {
    /// Notes rows that have become visible, and with them each snapshot whole. Views other than [`NOTED`] say nothing here.
    pub(crate) fn note(&mut self, view: &str, rows: &RecordBatch) {
        let mut sums = Sums::default();
        self.gather(view, rows, &mut sums);
        self.add(view, sums);
    }

    /// Notes rows of which other batches may hold more of the same snapshots; what they sum to is for [`Fleet::add`].
    pub(crate) fn gather(&mut self, view: &str, rows: &RecordBatch, sums: &mut Sums) {
        match view {
            SERVERS_VIEW => self.note_servers(rows),
            DATABASES_VIEW => self.note_databases(rows),
            ACTIVITY_VIEW => {
                let (state, kind, samples) = (Texts::of(rows, "state"), Texts::of(rows, "backend_type"), Numbers::of(rows, "samples"));
                sum_snapshots(rows, sums, |row, sum| {
                    if state.at(row) == Some("active") && kind.at(row) != Some("walsender") {
                        sum.first = sum.first.saturating_add(samples.at(row).unwrap_or(0));
                    }
                });
            }
            WORK_VIEW => {
                let [commits, rollbacks, hit, read] =
                    ["xact_commit", "xact_rollback", "blks_hit", "blks_read"].map(|name| Numbers::of(rows, name));
                sum_snapshots(rows, sums, |row, sum| {
                    let transactions = commits.at(row).unwrap_or(0).saturating_add(rollbacks.at(row).unwrap_or(0));
                    sum.first = sum.first.saturating_add(transactions);
                    sum.hit = sum.hit.saturating_add(hit.at(row).unwrap_or(0));
                    sum.read = sum.read.saturating_add(read.at(row).unwrap_or(0));
                });
            }
            _ => {}
        }
    }

    /// Counts whole snapshots that are not counted yet.
    pub(crate) fn add(&mut self, view: &str, sums: Sums) {
        for (server, snapshots) in sums {
            for (ts, sum) in snapshots {
                let state = self.state(&server, ts);
                let moments = if view == ACTIVITY_VIEW { &mut state.sampled } else { &mut state.worked };
                // A moment that is taken and then too old for a slot is not asked for again.
                if !moments.take(ts) {
                    continue;
                }
                let Some(minute) = state.minute(ts) else { continue };
                if view == ACTIVITY_VIEW {
                    minute.sampled_ms = minute.sampled_ms.saturating_add(sum.ms);
                    minute.active_samples = minute.active_samples.saturating_add(sum.first);
                } else {
                    minute.work_ms = minute.work_ms.saturating_add(sum.ms);
                    minute.transactions = minute.transactions.saturating_add(sum.first);
                    minute.blks_hit = minute.blks_hit.saturating_add(sum.hit);
                    minute.blks_read = minute.blks_read.saturating_add(sum.read);
                }
            }
        }
    }

    fn state(&mut self, server: &str, ts: i64) -> &mut State {
        if !self.0.contains_key(server) && self.0.len() >= SERVERS {
            let silent = self.0.iter().min_by_key(|(_, state)| state.newest).map(|(name, _)| name.clone());
            if let Some(silent) = silent {
                self.0.remove(&silent);
            }
        }
        let state = self.0.entry(server.to_owned()).or_default();
        state.newest = state.newest.max(ts);
        state
    }

    fn note_servers(&mut self, rows: &RecordBatch) {
        let up = rows.column_by_name("up").and_then(|up| up.as_boolean_opt());
        for (row, ts, server) in keys(rows) {
            let state = self.state(server, ts);
            if let Some(up) = up.filter(|up| up.is_valid(row))
                && state.up.is_none_or(|(known, _)| known <= ts)
            {
                state.up = Some((ts, up.value(row)));
            }
        }
    }

    fn note_databases(&mut self, rows: &RecordBatch) {
        let (names, size, age) = (Texts::of(rows, "datname"), Numbers::of(rows, "size"), Numbers::of(rows, "age"));
        for (row, ts, server) in keys(rows) {
            let Some(name) = names.at(row) else { continue };
            let databases = &mut self.state(server, ts).databases;
            if databases.get(name).is_none_or(|known| known.ts <= ts) {
                databases.insert(name.to_owned(), Database { ts, size: size.at(row), age: age.at(row) });
            }
            // One that was dropped is shipped no more.
            databases.retain(|_, known| known.ts > ts - FACTS);
        }
    }

    /// The rows of `pganalytics_fleet`.
    pub(crate) fn newest(&self, schema: &SchemaRef) -> anyhow::Result<RecordBatch> {
        let states = || self.0.iter();
        let known = |pick: fn(&Database) -> Option<i64>, all: fn(i64, i64) -> i64| -> ArrayRef {
            Arc::new(states().map(|(_, state)| state.databases.values().filter_map(pick).reduce(all)).collect::<Int64Array>())
        };
        let databases = states().map(|(_, state)| i64::try_from(state.databases.len()).ok());
        let columns: [(&str, ArrayRef); 6] = [
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(states().map(|(_, state)| state.newest)).with_timezone("UTC"))),
            ("server", Arc::new(StringViewArray::from_iter_values(states().map(|(name, _)| name)))),
            ("up", Arc::new(states().map(|(_, state)| state.up.map(|(_, up)| up)).collect::<BooleanArray>())),
            ("databases", Arc::new(databases.collect::<Int64Array>())),
            ("size", known(|database| database.size, i64::saturating_add)),
            ("age", known(|database| database.age, i64::max)),
        ];
        batch(schema, self.0.len(), &columns)
    }

    /// The rows of `pganalytics_fleet_minutes`.
    pub(crate) fn minutes(&self, schema: &SchemaRef) -> anyhow::Result<RecordBatch> {
        let minutes = || self.0.iter().flat_map(|(name, state)| state.minutes.iter().map(move |minute| (name, minute)));
        let number =
            |pick: fn(&Minute) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(minutes().map(|(_, minute)| pick(minute)))) };
        let columns: [(&str, ArrayRef); 8] = [
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(minutes().map(|(_, minute)| minute.start)).with_timezone("UTC"))),
            ("server", Arc::new(StringViewArray::from_iter_values(minutes().map(|(name, _)| name)))),
            ("interval_ms", number(|minute| minute.work_ms)),
            ("sampled_ms", number(|minute| minute.sampled_ms)),
            ("active_samples", number(|minute| minute.active_samples)),
            ("transactions", number(|minute| minute.transactions)),
            ("blks_hit", number(|minute| minute.blks_hit)),
            ("blks_read", number(|minute| minute.blks_read)),
        ];
        batch(schema, minutes().count(), &columns)
    }
}

/// Columns in the order of a schema; what it has beside is null.
fn batch(schema: &SchemaRef, rows: usize, columns: &[(&str, ArrayRef)]) -> anyhow::Result<RecordBatch> {
    let column = |name: &str| columns.iter().find(|(known, _)| *known == name).map(|(_, column)| Arc::clone(column));
    let fields = schema.fields().iter();
    let columns = fields.map(|field| column(field.name()).unwrap_or_else(|| arrow::array::new_null_array(field.data_type(), rows)));
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).context("put the fleet's state in a table")
}

/// Adds rows to the sums of their snapshots.
fn sum_snapshots(rows: &RecordBatch, sums: &mut Sums, sum: impl Fn(usize, &mut Sum)) {
    let interval = Numbers::of(rows, pganalytics_views::INTERVAL_MS);
    for (row, ts, server) in keys(rows) {
        let Some(ms) = interval.at(row).filter(|ms| *ms > 0) else { continue };
        if !sums.contains_key(server) {
            sums.insert(server.to_owned(), BTreeMap::new());
        }
        let Some(of_server) = sums.get_mut(server) else { continue };
        let of_snapshot = of_server.entry(ts).or_default();
        of_snapshot.ms = of_snapshot.ms.max(ms);
        sum(row, of_snapshot);
    }
}

/// The rows with when and whose they are.
fn keys(rows: &RecordBatch) -> impl Iterator<Item = (usize, i64, &str)> {
    let ts = rows.column(TS_AT).as_primitive::<TimestampMicrosecondType>().values();
    let servers = rows.column(SERVER_AT).as_string_view();
    ts.iter().enumerate().map(|(row, ts)| (row, *ts, servers.value(row)))
}

/// A column of texts; a definition of the user's may lack it.
struct Texts<'a>(Option<&'a StringViewArray>);

impl<'a> Texts<'a> {
    fn of(rows: &'a RecordBatch, name: &str) -> Self {
        Self(rows.column_by_name(name).and_then(|column| column.as_string_view_opt()))
    }

    fn at(&self, row: usize) -> Option<&'a str> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// A column of numbers, as [`Texts`].
struct Numbers<'a>(Option<&'a Int64Array>);

impl<'a> Numbers<'a> {
    fn of(rows: &'a RecordBatch, name: &str) -> Self {
        Self(rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>()))
    }

    fn at(&self, row: usize) -> Option<i64> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// Whether a table is one of the fleet's.
pub(crate) fn is_fleet(table: &str) -> bool {
    table == FLEET || table == MINUTES
}
