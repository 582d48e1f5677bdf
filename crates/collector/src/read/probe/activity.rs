//! `pg_stat_activity`: sessions sampled each second and summed over ten, by what they were doing or waiting for.
//!
//! # Promise
//! One query, grouped by the server; each sample counts for the time since the last. Only the labels' bytes are kept between samples, and at
//! most `max_rows` of them.

use std::collections::HashMap;
use std::time::Duration;

use pganalytics_views::View;
use sqlx::postgres::PgRow;

use crate::connect::conninfo::APPLICATION_NAME;
use crate::delta::rows::{Rows, Snapshot, nanoseconds};
use crate::read::session::{Session, SessionError, bytes};

/// The view that this probe reads.
pub(crate) const VIEW: &str = "pg_stat_activity";
const LABELS: usize = 8;

/// Labels, in the order of the definition; then how many, and the greatest ages in ms. Background processes that wait for work
/// (wait event type Activity) are left out; so are our own sessions. An idle session's last statement is not what it does.
pub(crate) fn query(max_rows: usize) -> String {
    format!(
        "select a.datname, a.usename, a.application_name, a.backend_type, a.state, a.wait_event_type, a.wait_event, \
         case when a.state = 'idle' then null else a.query_id end, count(*), \
         max(extract(epoch from clock_timestamp() - a.xact_start)) * 1000, \
         max(extract(epoch from clock_timestamp() - a.query_start)) filter (where a.state <> 'idle') * 1000, \
         max(extract(epoch from clock_timestamp() - a.state_change)) * 1000 \
         from pg_stat_activity as a \
         where a.pid <> pg_backend_pid() and coalesce(a.application_name, '') not like '{APPLICATION_NAME}%' \
         and a.wait_event_type is distinct from 'Activity' \
         group by 1, 2, 3, 4, 5, 6, 7, 8 limit {max_rows}"
    )
}

/// What sessions with the same labels did in a window.
#[derive(Debug, Clone)]
struct Sampled {
    labels: [Option<Vec<u8>>; LABELS],
    session_ms: u64,
    /// Milliseconds: transaction, query, state.
    ages: [Option<f64>; 3],
}

/// The samples of one window.
#[derive(Debug, Default)]
pub(crate) struct Window {
    doing: HashMap<Vec<u8>, Sampled>,
    key: Vec<u8>,
    begun_us: i64,
    cut: u64,
}

impl Window {
    /// A window that begins now.
    pub(crate) fn begin(ts_us: i64) -> Self {
        Self { begun_us: ts_us, ..Self::default() }
    }

    /// Takes one sample, which stands for `weight`; rows read, and how long it took.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn sample(
        &mut self,
        session: &mut Session,
        view: &View,
        query: &str,
        weight: Duration,
    ) -> Result<(u64, Duration), SessionError> {
        let weight_ms = u64::try_from(weight.as_millis()).unwrap_or_default();
        let mut rows = 0;
        let took = session.read(query, view.timeout, |row| {
            rows += 1;
            self.add(row, weight_ms, view.max_rows);
        });
        let took = took.await?;
        Ok((rows, took))
    }

    /// What the window came to, with the milliseconds it covers, and a new one begins; `None` where nothing was seen.
    pub(crate) fn end(&mut self, view: &View, ts_us: i64) -> Option<(Snapshot, i64)> {
        let window = std::mem::take(self);
        (self.begun_us, self.key) = (ts_us, window.key);
        if window.doing.is_empty() {
            return None;
        }
        let mut rows = Rows::new(view, window.doing.len());
        for doing in window.doing.values() {
            let mut labels = doing.labels.iter();
            for (column, definition) in view.columns.iter().enumerate() {
                let age = |age: usize| doing.ages[age].and_then(nanoseconds);
                match definition.name.as_str() {
                    "samples" => {
                        // Whole seconds; what was seen at all counts for one.
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
                // A byte no name has stands between them; null differs from empty.
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
        if let Some(doing) = self.doing.get_mut(self.key.as_slice()) {
            doing.session_ms += session_ms;
            for (age, new) in doing.ages.iter_mut().zip(ages) {
                *age = match (*age, new) {
                    (Some(age), Some(new)) => Some(age.max(new)),
                    (age, new) => age.or(new),
                };
            }
        } else if self.doing.len() < max_rows {
            let labels = std::array::from_fn(|label| bytes(row, label).map(<[u8]>::to_vec));
            self.doing.insert(self.key.clone(), Sampled { labels, session_ms, ages });
        } else {
            self.cut += 1;
        }
    }
}
