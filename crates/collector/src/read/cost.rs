//! The costs of reading for the view `pganalytics_cost`: polls, time, rows and errors by view and database since the last snapshot.

use std::collections::BTreeMap;
use std::time::Duration;

use pganalytics_views::View;

use crate::delta::rows::{Rows, Snapshot};

/// One successful reading.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    pub duration: Duration,
    pub rows_read: u64,
    pub rows_shipped: u64,
    pub rows_cut: u64,
}

#[derive(Debug, Default)]
struct Spent {
    polls: i64,
    errors: i64,
    read: i64,
    shipped: i64,
    cut: i64,
    duration: Duration,
    last_error: Option<String>,
}

/// The costs of one target.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    spent: BTreeMap<(String, Option<String>), Spent>,
    told_us: Option<i64>,
}

impl Cost {
    pub(crate) fn read(&mut self, view: &str, database: Option<&str>, reading: Reading) {
        let spent = self.of(view, database);
        let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        spent.polls += 1;
        spent.read += count(reading.rows_read);
        spent.shipped += count(reading.rows_shipped);
        spent.cut += count(reading.rows_cut);
        spent.duration += reading.duration;
    }

    /// Records the rows shipped for several readings, and how many rows were summed into others.
    pub(crate) fn shipped(&mut self, view: &str, rows: u64, cut: u64) {
        let spent = self.of(view, None);
        spent.shipped += i64::try_from(rows).unwrap_or(i64::MAX);
        spent.cut += i64::try_from(cut).unwrap_or(i64::MAX);
    }

    pub(crate) fn failed(&mut self, view: &str, database: Option<&str>, duration: Duration, error: &str) {
        let spent = self.of(view, database);
        spent.polls += 1;
        spent.errors += 1;
        spent.duration += duration;
        spent.last_error = Some(error.into());
    }

    /// Records a note as the last error, without counting an error.
    pub(crate) fn note(&mut self, view: &str, database: Option<&str>, note: &str) {
        self.of(view, database).last_error = Some(note.into());
    }

    /// Returns the costs since the last call, and the interval in milliseconds.
    pub(crate) fn take(&mut self, view: &View, ts_us: i64) -> (Snapshot, Option<i64>) {
        let position = |name: &str| view.columns.iter().position(|column| column.name == name).unwrap_or(usize::MAX);
        let columns =
            ["view", "datname", "polls", "errors", "rows_read", "rows_shipped", "rows_cut", "duration", "last_error"].map(position);
        let mut rows = Rows::new(view, self.spent.len());
        for ((name, database), spent) in std::mem::take(&mut self.spent) {
            let [view_at, datname, polls, errors, read, shipped, cut, duration, last_error] = columns;
            rows.set_text(view_at, Some(&name));
            rows.set_text(datname, database.as_deref());
            for (column, value) in
                [(polls, spent.polls), (errors, spent.errors), (read, spent.read), (shipped, spent.shipped), (cut, spent.cut)]
            {
                rows.set_int(column, Some(value));
            }
            rows.set_int(duration, i64::try_from(spent.duration.as_nanos()).ok());
            rows.set_text(last_error, spent.last_error.as_deref());
            rows.end_row();
        }
        let interval_ms = self.told_us.replace(ts_us).map(|told_us| ((ts_us - told_us) / 1_000).max(0));
        (rows.finish(ts_us, 0), interval_ms)
    }

    fn of(&mut self, view: &str, database: Option<&str>) -> &mut Spent {
        self.spent.entry((view.into(), database.map(Into::into))).or_default()
    }
}
