//! `pg_stat_activity`: sessions sampled each second and summed over ten, by what they were doing or waiting for.
//!
//! # Promise
//! A connection of its own, so that no slow view holds a sample up; one query a second, grouped by the server. Where a sample
//! takes the server long it is taken less often, and each one counts for the time since the last. Only the labels' bytes are kept
//! between samples, and at most `max_rows` of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;
use sqlx::postgres::PgRow;
use tokio_util::sync::CancellationToken;

use crate::delta;
use crate::delta::rows::Rows;
use crate::read::cost::Reading;
use crate::read::schedule::stretched;
use crate::read::session::{APPLICATION_NAME, Session, bytes};
use crate::read::target::{Target, now_us};

/// How often sessions are sampled.
const SAMPLE: Duration = Duration::from_secs(1);
/// After a failure to connect: the reader finds out whether the server is there; this is only a second connection.
const RETRY: Duration = Duration::from_secs(5);
const LABELS: usize = 8;

/// Labels, in the order of the definition; then how many, and the greatest ages in ms. Background processes that wait for work
/// (wait event type Activity) are left out; so are our own sessions. An idle session's last statement is not what it does.
fn query(max_rows: usize) -> String {
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
struct Doing {
    labels: [Option<Vec<u8>>; LABELS],
    session_ms: u64,
    /// Milliseconds: transaction, query, state.
    ages: [Option<f64>; 3],
}

/// The samples of one window.
#[derive(Debug, Default)]
struct Window {
    doing: HashMap<Vec<u8>, Doing>,
    key: Vec<u8>,
    begun_us: i64,
    cut: u64,
}

/// Samples until told to stop.
pub(crate) async fn run(target: Arc<Target>, stop: CancellationToken) {
    let Some(view) = target.view("pg_stat_activity") else { return };
    let mut sampler = Sampler {
        query: query(view.max_rows),
        target,
        session: None,
        window: Window { begun_us: now_us(), ..Window::default() },
        last: None,
        view,
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = sampler.sample() => {}
    }
    sampler.end_window();
}

struct Sampler {
    target: Arc<Target>,
    view: Arc<View>,
    query: String,
    session: Option<Session>,
    window: Window,
    /// When the last sample was taken.
    last: Option<Instant>,
}

impl Sampler {
    async fn sample(&mut self) {
        let mut next = tokio::time::Instant::now();
        let mut window_ends = Instant::now() + self.view.interval;
        loop {
            tokio::time::sleep_until(next).await;
            let wait = if self.target.is_up() {
                self.sample_once().await
            } else {
                self.session = None;
                self.last = None;
                SAMPLE
            };
            let now = Instant::now();
            if now >= window_ends {
                self.end_window();
                window_ends = (window_ends + self.view.interval).max(now);
            }
            next = (next + wait).max(tokio::time::Instant::now());
        }
    }

    /// Takes one sample; how long to wait for the next.
    async fn sample_once(&mut self) -> Duration {
        let Self { target, view, query, session, window, last } = self;
        let (name, begun) = (view.name.as_str(), Instant::now());
        let open = match session {
            Some(open) => open,
            None => match Session::open(&target.link.conninfo(), None).await {
                Ok(opened) => session.insert(opened),
                Err(error) => {
                    *last = None;
                    target.was_not_read(name, None, begun.elapsed(), &error.to_string());
                    return RETRY;
                }
            },
        };
        // A sample stands for the time since the one before; the first for its usual second.
        let weight = last.map_or(SAMPLE, |last| begun.duration_since(last)).min(view.interval);
        let weight_ms = u64::try_from(weight.as_millis()).unwrap_or_default();
        let mut rows = 0;
        let outcome = open
            .read(query, view.timeout, |row| {
                rows += 1;
                window.add(row, weight_ms, view.max_rows);
            })
            .await;
        match outcome {
            Ok(took) => {
                *last = Some(begun);
                target.was_read(name, None, Reading { duration: took, rows_read: rows, ..Reading::default() });
                stretched(SAMPLE, target.busy(took)).min(view.interval)
            }
            Err(error) => {
                if !error.is_harmless() {
                    *session = None;
                }
                *last = None;
                target.was_not_read(name, None, begun.elapsed(), &error.to_string());
                RETRY
            }
        }
    }

    /// Hands on what the window came to.
    fn end_window(&mut self) {
        let ts_us = now_us();
        let window = std::mem::take(&mut self.window);
        self.window = Window { begun_us: ts_us, key: window.key, ..Window::default() };
        if window.doing.is_empty() {
            return;
        }
        let view = &self.view;
        let mut rows = Rows::new(view, window.doing.len());
        for doing in window.doing.values() {
            let mut labels = doing.labels.iter();
            for (column, definition) in view.columns.iter().enumerate() {
                let age = |age: usize| doing.ages[age].and_then(crate::delta::rows::nanoseconds);
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
        let snapshot = rows.finish(ts_us, window.cut);
        let interval_ms = Some(((ts_us - window.begun_us) / 1_000).max(0));
        match delta::as_they_are(view, &self.target.options.name, &snapshot, interval_ms) {
            Ok(rows) => {
                self.target.were_shipped(&view.name, rows.num_rows() as u64);
                self.target.common.gather.add(&view.name, rows);
            }
            Err(error) => self.target.was_not_read(&view.name, None, Duration::ZERO, &error.to_string()),
        }
    }
}

impl Window {
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
            self.doing.insert(self.key.clone(), Doing { labels, session_ms, ages });
        } else {
            self.cut += 1;
        }
    }
}
