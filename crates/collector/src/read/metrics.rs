//! The metrics of servers and their views on /metrics.
//!
//! If a view hangs, the age of its `pganalytics_collector_view_last_success_timestamp_seconds` grows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pganalytics_views::View;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::clock::now_seconds;
use crate::registry::{Float, Int, Seconds, register, register_seconds};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Server {
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerView {
    server: String,
    view: String,
}

/// The numbers of servers for the status in each batch.
#[derive(Debug, Default)]
struct Reported {
    targets: u64,
    up: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    reported: Mutex<Reported>,
    up: Family<Server, Int>,
    polls: Family<ServerView, Counter>,
    errors: Family<ServerView, Counter>,
    rows: Family<ServerView, Counter>,
    seconds: Family<ServerView, Seconds>,
    last_success: Family<ServerView, Float>,
    interval: Family<ServerView, Float>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            reported: Mutex::default(),
            up: register(registry, "target_up", "Whether the target answered the last attempt"),
            polls: register(registry, "view_polls", "Readings of a view, successful and failed"),
            errors: register(registry, "view_errors", "Failed readings of a view"),
            rows: register(registry, "view_rows", "Rows of a view that were shipped"),
            seconds: register_seconds(registry, "view_duration", "Time spent reading a view"),
            last_success: register_seconds(
                registry,
                "view_last_success_timestamp",
                "Time of the last reading of a view; a growing age shows a hang",
            ),
            interval: register_seconds(
                registry,
                "view_interval",
                "Current interval between readings of a view; longer than in the view's definition if the view is over budget",
            ),
        }
    }

    /// Sets the number of servers to read.
    pub(crate) fn expect(&self, targets: usize) {
        self.reported().targets = targets as u64;
    }

    /// The number of servers to read, and how many of them answer.
    #[must_use]
    pub(crate) fn targets(&self) -> (u64, u64) {
        let reported = self.reported();
        (reported.targets, reported.up.len() as u64)
    }

    pub(crate) fn target(&self, server: &str, up: bool) {
        let mut reported = self.reported();
        if !up {
            reported.up.remove(server);
        } else if !reported.up.contains(server) {
            reported.up.insert(server.into());
        }
        drop(reported);
        self.up.get_or_create(&Server { server: server.into() }).set(i64::from(up));
    }

    pub(crate) fn view_read(&self, server: &str, view: &str, took: Duration, shipped: u64) {
        let labels = ServerView { server: server.into(), view: view.into() };
        self.polls.get_or_create(&labels).inc();
        self.rows.get_or_create(&labels).inc_by(shipped);
        self.seconds.get_or_create(&labels).inc_by(took.as_secs_f64());
        self.last_success.get_or_create(&labels).set(now_seconds());
    }

    pub(crate) fn view_shipped(&self, server: &str, view: &str, rows: u64) {
        self.rows.get_or_create(&ServerView { server: server.into(), view: view.into() }).inc_by(rows);
    }

    pub(crate) fn view_failed(&self, server: &str, view: &str) {
        let labels = ServerView { server: server.into(), view: view.into() };
        self.polls.get_or_create(&labels).inc();
        self.errors.get_or_create(&labels).inc();
    }

    pub(crate) fn view_interval(&self, server: &str, view: &str, interval: Duration) {
        self.interval.get_or_create(&ServerView { server: server.into(), view: view.into() }).set(interval.as_secs_f64());
    }

    /// Removes the metrics of a server that is no longer read. Otherwise they would keep their last values.
    pub(crate) fn forget(&self, server: &str, views: &[Arc<View>]) {
        self.reported().up.remove(server);
        self.up.remove(&Server { server: server.into() });
        for view in views {
            let labels = ServerView { server: server.into(), view: view.name.clone() };
            self.polls.remove(&labels);
            self.errors.remove(&labels);
            self.rows.remove(&labels);
            self.seconds.remove(&labels);
            self.last_success.remove(&labels);
            self.interval.remove(&labels);
        }
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
