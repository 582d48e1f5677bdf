//! The reader's loop: reads the views that are due, then the next database of the current round.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::{Scope, Source, View};
use tokio_util::sync::CancellationToken;

use super::deltas::COST;
use super::memory::Reader;
use super::server::SERVER;
use super::texts::TEXTS;
use crate::read::target::needs::HOST_VIEW;
use crate::read::target::seat::Seat;
use crate::read::target::state::Target;

/// The longest sleep while no view is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);

pub(crate) async fn run(target: Arc<Target>, stop: CancellationToken) {
    let mut reader = Reader::new(target);
    tokio::select! {
        () = stop.cancelled() => {}
        () = reader.rounds() => {}
    }
    reader.ship_cost();
    reader.sessions.close().await;
}

impl Reader {
    async fn rounds(&mut self) {
        let target = Arc::clone(&self.target);
        loop {
            self.sessions.leave(|session, is_own| target.must_leave(session, is_own)).await;
            if let Seat::Nowhere(until) = target.seat() {
                tokio::time::sleep_until(until.into()).await;
                continue;
            }
            self.take_due();
            if let Some(view) = self.waiting.pop_front() {
                self.read_view(view).await;
            } else if !self.of_databases.is_empty() {
                let views = std::mem::take(&mut self.of_databases);
                // Views that become due during a round are skipped until they are due again.
                if self.round.databases.is_empty() {
                    self.begin_round(views).await;
                }
            } else if let Some(database) = self.round.databases.pop_front() {
                self.read_database(database).await;
            } else {
                self.sessions.close_others().await;
                let now = Instant::now();
                let wait = self.schedule.next().map_or(LONGEST_SLEEP, |next| next.saturating_duration_since(now)).min(LONGEST_SLEEP);
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = target.leave.notified() => {}
                }
            }
        }
    }

    /// Queues the views that are due. The server's own row comes first: it shows whether the server is up.
    fn take_due(&mut self) {
        for view in self.schedule.due(Instant::now()) {
            if !self.waiting.iter().any(|other| other.name == view.name) {
                self.waiting.push_back(view);
            }
        }
        // Texts come after the statements that name their ids, and costs after the views that they count.
        self.waiting.make_contiguous().sort_by_key(|view| match view.name.as_str() {
            SERVER => 0,
            TEXTS => 2,
            COST => 3,
            _ => 1,
        });
    }

    async fn read_view(&mut self, view: Arc<View>) {
        self.reading.clone_from(&view.name);
        match (view.scope, view.source, view.name.as_str()) {
            (Scope::Host, ..) => self.read_machine(&view),
            (Scope::Database, Source::Sql, _) => self.of_databases.push(view),
            (Scope::Server, Source::Sql, _) => {
                if let Some(busy) = self.read_sql(&view, None).await {
                    self.plan(&view, busy);
                }
            }
            (_, Source::Probe, SERVER) => {
                self.read_server(&view).await;
                if self.target.is_back() {
                    // The server is up again: all views are due at once.
                    self.waiting.clear();
                    self.of_databases.clear();
                    self.schedule.hurry(Instant::now());
                }
            }
            (_, Source::Probe, COST) => self.ship_cost(),
            (_, Source::Probe, TEXTS) => self.read_texts(&view).await,
            (_, Source::Probe, HOST_VIEW) => self.read_its_host(&view),
            (.., name) => self.target.was_not_read(name, None, Duration::ZERO, "this collector has no probe for this view"),
        }
        self.reading.clear();
    }

    /// Plans the next reading of a view by the server's work in the last one.
    pub(super) fn plan(&mut self, view: &View, busy: Duration) {
        if let Some(interval) = self.schedule.read(&view.name, busy, Instant::now()) {
            let server = self.target.options.name.as_str();
            self.target.common.metrics.view_interval(server, &view.name, interval);
            if interval > view.interval {
                let note =
                    format!("over budget: the reading took {} ms; the view is now read every {} s", busy.as_millis(), interval.as_secs());
                self.target.note(&view.name, &note);
                tracing::warn!(
                    server,
                    view = view.name,
                    read.duration_ms = busy.as_millis(),
                    interval_s = interval.as_secs(),
                    "a view is over its budget and is now read less often"
                );
            }
        }
    }
}
