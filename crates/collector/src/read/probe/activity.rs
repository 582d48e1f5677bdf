//! `pg_stat_activity`: sessions are sampled each second and summed over ten seconds, by their state and wait event.
//!
//! # Promise
//! One query per sample, grouped by the server. Each sample counts for the time since the previous sample. Between samples, only the bytes
//! of the labels are kept.
//! Beyond `max_rows` groups, those with the most session time are kept. The others are summed into rows with the same [`KEPT`] labels, whose
//! other labels are `(other)`, so that sums by state or wait stay right.

use std::collections::HashMap;
use std::time::Duration;

use pganalytics_views::View;
use sqlx::postgres::PgRow;

use crate::connect::conninfo::APPLICATION_NAME;
use crate::delta::OTHER;
use crate::delta::rows::{Rows, Snapshot, nanoseconds};
use crate::read::session::{AnswerSize, Session, SessionError, bytes};

/// The view that this probe reads.
pub(crate) const VIEW: &str = "pg_stat_activity";
const LABELS: usize = 8;
/// Labels with few values: backend type, state, wait event type.
const KEPT: [usize; 3] = [3, 4, 5];
/// The query id, which is a number.
const QUERY_ID: usize = 7;
/// Groups that are held for each group that is kept. The largest groups are known only at the end of the window.
const HELD_PER_ROW: usize = 10;

/// Labels in the order of the definition, then the number of sessions, and the greatest ages in ms. Background processes that wait for work (wait
/// event type Activity) and the collector's sessions are left out. An idle session has no query id here: the server shows the id of its last
/// statement. Last, whether a statement may be one that wants a database for itself; statements that the role may not see may be such.
pub(crate) fn query(max_rows: usize) -> String {
    format!(
        "select a.datname, a.usename, a.application_name, a.backend_type, a.state, a.wait_event_type, a.wait_event, \
         case when a.state = 'idle' then null else a.query_id end, pg_catalog.count(*), \
         pg_catalog.max(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)) * 1000, \
         pg_catalog.max(extract(epoch from pg_catalog.clock_timestamp() - a.query_start)) filter (where a.state <> 'idle') * 1000, \
         pg_catalog.max(extract(epoch from pg_catalog.clock_timestamp() - a.state_change)) * 1000, \
         pg_catalog.bool_or(case when a.state = 'active' then a.query ~* 'database' \
         else a.state is null and a.query = '<insufficient privilege>' end) \
         from pg_catalog.pg_stat_activity as a \
         where a.pid <> pg_catalog.pg_backend_pid() and coalesce(a.application_name, '') not like '{APPLICATION_NAME}%' \
         and a.wait_event_type is distinct from 'Activity' \
         group by 1, 2, 3, 4, 5, 6, 7, 8 order by pg_catalog.count(*) desc limit {}",
        max_rows.saturating_mul(HELD_PER_ROW)
    )
}

/// The sessions with the same labels in one window.
#[derive(Debug, Clone)]
struct Sampled {
    labels: [Option<Vec<u8>>; LABELS],
    session_ms: u64,
    /// The greatest ages of transaction, query and state, in milliseconds.
    ages: [Option<f64>; 3],
}

impl Sampled {
    fn add(&mut self, session_ms: u64, ages: [Option<f64>; 3]) {
        self.session_ms += session_ms;
        for (age, new) in self.ages.iter_mut().zip(ages) {
            *age = match (*age, new) {
                (Some(age), Some(new)) => Some(age.max(new)),
                (age, new) => age.or(new),
            };
        }
    }
}

/// The samples of one window.
#[derive(Debug, Default)]
pub(crate) struct Window {
    doing: HashMap<Vec<u8>, Sampled>,
    /// Groups that are not held, summed by the labels in [`KEPT`].
    others: HashMap<[Option<Vec<u8>>; KEPT.len()], Sampled>,
    key: Vec<u8>,
    begun_us: i64,
    cut: u64,
    may_want: bool,
    /// The size of the last sample.
    size: AnswerSize,
}

impl Window {
    /// Begins a window.
    pub(crate) fn begin(ts_us: i64) -> Self {
        Self { begun_us: ts_us, ..Self::default() }
    }

    /// Takes one sample, which counts for `weight`. Returns the number of rows read, and how long the reading took.
    ///
    /// # Errors
    /// The server's error.
    pub(crate) async fn sample(
        &mut self,
        session: &mut Session,
        view: &View,
        query: &str,
        weight: Duration,
    ) -> Result<(u64, Duration), SessionError> {
        let weight_ms = u64::try_from(weight.as_millis()).unwrap_or_default();
        let mut rows = 0;
        let mut size = self.size;
        let sampling = session.read_large(query, view.timeout, &mut size, |row| {
            rows += 1;
            self.add(row, weight_ms, view.max_rows);
        });
        let took = sampling.await?;
        self.size = size;
        Ok((rows, took))
    }

    /// Whether a statement since the last call may want a database for itself.
    pub(crate) fn may_want(&mut self) -> bool {
        std::mem::take(&mut self.may_want)
    }

    /// Ends the window and begins a new one. Returns the window's rows and its length in milliseconds; `None` if no session was seen.
    pub(crate) fn end(&mut self, view: &View, ts_us: i64) -> Option<(Snapshot, i64)> {
        let mut window = std::mem::take(self);
        (self.begun_us, self.key, self.size) = (ts_us, std::mem::take(&mut window.key), window.size);
        if window.doing.is_empty() {
            return None;
        }
        window.keep(view.max_rows);
        let mut rows = Rows::new(view, window.doing.len() + window.others.len());
        for doing in window.doing.values().chain(window.others.values()) {
            let mut labels = doing.labels.iter();
            for (column, definition) in view.columns.iter().enumerate() {
                let age = |age: usize| doing.ages[age].and_then(nanoseconds);
                match definition.name.as_str() {
                    "samples" => {
                        // Whole seconds, at least one.
                        let seconds = (doing.session_ms + 500) / 1_000;
                        rows.set_int(column, i64::try_from(seconds.max(1)).ok());
                    }
                    "max_xact_age" => rows.set_int(column, age(0)),
                    "max_query_age" => rows.set_int(column, age(1)),
                    "max_state_age" => rows.set_int(column, age(2)),
                    _ => rows.set_text_format(column, labels.next().and_then(Option::as_deref)),
                }
            }
            rows.end_row();
        }
        Some((rows.finish(ts_us, window.cut), ((ts_us - window.begun_us) / 1_000).max(0)))
    }

    fn add(&mut self, row: &PgRow, weight_ms: u64, max_rows: usize) {
        self.key.clear();
        for label in 0..LABELS {
            match bytes(row, label) {
                // Names contain no zero byte, so a zero byte separates them. Null differs from the empty name.
                Some(label) => {
                    self.key.push(1);
                    self.key.extend_from_slice(label);
                }
                None => self.key.push(2),
            }
            self.key.push(0);
        }
        let number = |column| bytes(row, column).and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse::<f64>().ok());
        let sessions = bytes(row, LABELS).and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse::<u64>().ok()).unwrap_or(1);
        let ages = [number(LABELS + 1), number(LABELS + 2), number(LABELS + 3)];
        let session_ms = sessions.saturating_mul(weight_ms);
        self.may_want |= bytes(row, LABELS + 4) == Some(b"t");
        if let Some(doing) = self.doing.get_mut(self.key.as_slice()) {
            return doing.add(session_ms, ages);
        }
        let labels = std::array::from_fn(|label| bytes(row, label).map(<[u8]>::to_vec));
        let sampled = Sampled { labels, session_ms, ages };
        if self.doing.len() < max_rows.saturating_mul(HELD_PER_ROW) {
            self.doing.insert(self.key.clone(), sampled);
        } else {
            self.sum(sampled);
        }
    }

    /// Keeps the groups with the most session time, and sums the others.
    fn keep(&mut self, max_rows: usize) {
        if self.doing.len() <= max_rows {
            return;
        }
        let mut order: Vec<_> = self.doing.drain().collect();
        order.sort_by_key(|(_, sampled)| std::cmp::Reverse(sampled.session_ms));
        let rest = order.split_off(max_rows);
        self.doing.extend(order);
        rest.into_iter().for_each(|(_, sampled)| self.sum(sampled));
    }

    fn sum(&mut self, sampled: Sampled) {
        self.cut += 1;
        let key = KEPT.map(|label| sampled.labels[label].clone());
        match self.others.get_mut(&key) {
            Some(other) => other.add(sampled.session_ms, sampled.ages),
            None => {
                let label = |label: usize| match label {
                    QUERY_ID => None,
                    kept if KEPT.contains(&kept) => sampled.labels[kept].clone(),
                    _ => Some(OTHER.as_bytes().to_vec()),
                };
                self.others.insert(key, Sampled { labels: std::array::from_fn(label), ..sampled });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    #[test]
    fn groups_beyond_max_rows_are_summed_by_state_and_the_busiest_are_kept() {
        let mut view = pganalytics_views::ViewSet::builtin().expect("the built-in views").get(VIEW).expect("the view").as_ref().clone();
        view.max_rows = 2;
        let mut window = Window::begin(0);
        for (name, state, session_ms) in [("a", "active", 1_000), ("b", "active", 9_000), ("c", "idle", 5_000), ("d", "active", 2_000)] {
            let mut labels: [Option<Vec<u8>>; LABELS] = Default::default();
            (labels[0], labels[4]) = (Some(name.into()), Some(state.into()));
            window.doing.insert(name.into(), Sampled { labels, session_ms, ages: [None; 3] });
        }
        let (snapshot, _) = window.end(&view, 10_000_000).expect("rows");
        let column = |name: &str| &snapshot.columns[view.columns.iter().position(|column| column.name == name).expect("a column")];
        let names = column("datname").as_string::<i32>().iter().map(|name| name.expect("a name").to_owned());
        let states = column("state").as_string::<i32>().iter().map(|state| state.expect("a state").to_owned());
        let samples = column("samples").as_primitive::<Int64Type>().values().iter().copied();
        let mut rows: Vec<_> = names.zip(states).zip(samples).collect();
        rows.sort();
        let row = |name: &str, state: &str, samples| ((name.to_owned(), state.to_owned()), samples);
        assert_eq!(rows, [row(OTHER, "active", 3), row("b", "active", 9), row("c", "idle", 5)]);
        assert_eq!(snapshot.cut, 2);
    }
}
