//! The loop that samples sessions. It has its own connection, so that no slow view delays a sample.
//!
//! If samples take the server long, they are taken less often.
//!
//! The sampler also sees who wants a database for himself, so that the target's sessions leave it (`seat`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;
use tokio_util::sync::CancellationToken;

use super::seat::Seat;
use super::state::Target;
use crate::clock::now_us;
use crate::delta;
use crate::read::cost::Reading;
use crate::read::probe::activity::{self, Window};
use crate::read::probe::wishes;
use crate::read::schedule::Budget;
use crate::read::session::Session;

/// How often sessions are sampled.
const SAMPLE: Duration = Duration::from_secs(1);
/// The wait after a failed sample. The reader finds out whether the server is up; the sampler's connection is only the second one.
const RETRY: Duration = Duration::from_secs(5);
/// The longest time between two looks at who wants a database. Such a command fails after five seconds.
const LOOK: Duration = Duration::from_secs(2);

/// Takes samples until `stop` is cancelled.
pub(super) async fn run(target: Arc<Target>, stop: CancellationToken) {
    let Some(view) = target.view(activity::VIEW) else { return };
    let mut sampler = Sampler {
        query: activity::query(view.max_rows),
        target,
        budget: Budget::new(SAMPLE),
        window: Window::begin(now_us()),
        last: None,
        due: Instant::now(),
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
    budget: Budget,
    window: Window,
    /// When the last sample was taken.
    last: Option<Instant>,
    /// When the next sample is due. Between samples, the sampler only looks at who wants a database.
    due: Instant,
}

impl Sampler {
    async fn sample(&mut self) {
        let mut next = tokio::time::Instant::now();
        let mut window_ends = Instant::now() + self.view.interval;
        loop {
            tokio::time::sleep_until(next).await;
            // An open session is used even while the target counts as down: the server may only be at its connection limit.
            let has_session = self.target.second.lock().await.is_some();
            let wait = if has_session || self.target.is_up() {
                let target = Arc::clone(&self.target);
                let mut session = target.second.lock().await;
                self.visit(&mut session).await
            } else {
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

    /// Takes a sample if one is due, and looks at who wants a database. Returns the wait until the next visit.
    async fn visit(&mut self, session: &mut Option<Session>) -> Duration {
        if session.as_ref().is_some_and(|session| self.target.must_leave(session, true))
            && let Some(session) = session.take()
        {
            session.close().await;
        }
        if matches!(self.target.seat(), Seat::Nowhere(_)) {
            self.last = None;
            return SAMPLE;
        }
        let wait = if self.due <= Instant::now() {
            let wait = self.sample_once(session).await;
            self.due = Instant::now() + wait;
            wait
        } else {
            self.due.duration_since(Instant::now())
        };
        // A stretched sample comes too late for the one who waits.
        if self.window.may_want() || wait > LOOK {
            self.make_way(session).await;
        }
        wait.min(LOOK)
    }

    /// Looks at who wants a database, and leaves it.
    async fn make_way(&mut self, session: &mut Option<Session>) {
        let Some(open) = session.as_mut() else { return };
        match wishes::read(open).await {
            Ok(wanted) if wanted.is_empty() => {}
            Ok(wanted) => {
                self.target.want(&wanted);
                if self.target.must_leave(open, true)
                    && let Some(open) = session.take()
                {
                    open.close().await;
                }
            }
            // The next sample reports a broken session.
            Err(error) => tracing::debug!(server = self.target.options.name, %error, "who wants a database could not be read"),
        }
    }

    /// Takes one sample. Returns the wait until the next one.
    async fn sample_once(&mut self, session: &mut Option<Session>) -> Duration {
        let Self { target, view, query, budget, window, last, .. } = self;
        let (name, begun) = (view.name.as_str(), Instant::now());
        let open = match session.as_mut() {
            Some(open) => open,
            None => match target.open_seat().await {
                Ok(opened) => session.insert(opened),
                Err(error) => {
                    *last = None;
                    target.was_not_read(name, None, begun.elapsed(), &error.to_string());
                    return RETRY;
                }
            },
        };
        // A sample counts for the time since the previous sample. The first sample counts for `SAMPLE`.
        let weight = last.map_or(SAMPLE, |last| begun.duration_since(last)).min(view.interval);
        match window.sample(open, view, query, weight).await {
            Ok((rows, took)) => {
                *last = Some(begun);
                target.was_read(name, None, Reading { duration: took, rows_read: rows, ..Reading::default() });
                if let Some(interval) = budget.spent(target.busy(took.into()))
                    && interval > SAMPLE
                {
                    let note = format!(
                        "over budget: a sample took {} ms; sessions are now sampled every {} s",
                        took.as_millis(),
                        interval.as_secs()
                    );
                    target.note(name, &note);
                }
                budget.interval().min(view.interval)
            }
            Err(error) => {
                if !error.is_harmless() {
                    *session = None;
                    target.broke(&error);
                }
                *last = None;
                target.was_not_read(name, None, begun.elapsed(), &error.to_string());
                RETRY
            }
        }
    }

    /// Ships this window's totals.
    fn end_window(&mut self) {
        let view = &self.view;
        let Some((snapshot, interval_ms)) = self.window.end(view, now_us()) else { return };
        match delta::already_deltas(view, &self.target.options.name, &snapshot, Some(interval_ms)) {
            Ok(rows) => {
                self.target.were_shipped(&view.name, rows.num_rows() as u64, snapshot.cut);
                self.target.common.gather.add(&view.name, rows);
            }
            Err(error) => self.target.was_not_read(&view.name, None, Duration::ZERO, &error.to_string()),
        }
    }
}
