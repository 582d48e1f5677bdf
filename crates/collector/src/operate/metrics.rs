//! What the collector says about itself: to Prometheus in its text format, and to the backend as the [`Status`] in each batch.
//!
//! A view that hangs is seen as a growing `pganalytics_collector_view_last_success_timestamp_seconds` age.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pganalytics_tls::Figures;
use pganalytics_views::View;
use pganalytics_views::wire::{Status, error_line};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::ship::client::Certificate;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Server {
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerView {
    server: String,
    view: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PodState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Collection {
    /// A namespace, or the node's selector.
    watched: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Side {
    /// `client`: shown to the backend; `server`: served with.
    side: &'static str,
}

type Float = Gauge<f64, AtomicU64>;
type Int = Gauge<i64, AtomicI64>;
type Seconds = Counter<f64, AtomicU64>;

/// What the status tells beside the spool.
#[derive(Debug)]
struct Told {
    started_us: i64,
    targets: u64,
    up: BTreeSet<String>,
    /// The latest error of shipping, and when it was.
    error: Option<(String, i64)>,
}

/// The collector's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    told: Mutex<Told>,
    up: Family<Server, Int>,
    polls: Family<ServerView, Counter>,
    errors: Family<ServerView, Counter>,
    rows: Family<ServerView, Counter>,
    seconds: Family<ServerView, Seconds>,
    last_success: Family<ServerView, Float>,
    interval: Family<ServerView, Float>,
    certificate_expiry: Family<Side, Int>,
    certificate_failures: Family<Side, Int>,
    kubernetes_pods: Family<PodState, Int>,
    kubernetes_watch: Family<Collection, Int>,
    pub spool_bytes: Int,
    pub spool_batches: Int,
    pub spool_oldest: Float,
    pub spool_on_disk: Int,
    pub shipped_batches: Counter,
    pub shipped_rows: Counter,
    pub shipped_bytes: Counter,
    pub dropped_rows: Int,
    pub damaged_batches: Int,
    pub rejected_batches: Int,
    pub ship_errors: Counter,
    pub last_ship: Float,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pganalytics_collector");
        macro_rules! register {
            ($name:literal, $help:literal) => {{
                let metric = Default::default();
                registry.register($name, $help, Clone::clone(&metric));
                metric
            }};
            ($name:literal, $unit:expr, $help:literal) => {{
                let metric = Default::default();
                registry.register_with_unit($name, $help, $unit, Clone::clone(&metric));
                metric
            }};
        }
        // Typed before they are registered: each field's type decides what its line is.
        let up: Family<Server, Int> = register!("target_up", "Whether the target answered last time");
        let polls: Family<ServerView, Counter> = register!("view_polls", "Readings of a view, good and bad");
        let errors: Family<ServerView, Counter> = register!("view_errors", "Readings of a view that failed");
        let rows: Family<ServerView, Counter> = register!("view_rows", "Rows of a view that were shipped");
        let seconds: Family<ServerView, Seconds> = register!("view_duration", Unit::Seconds, "Time spent reading a view");
        let last_success: Family<ServerView, Float> =
            register!("view_last_success_timestamp", Unit::Seconds, "When a view was last read; its age shows a hang");
        let interval: Family<ServerView, Float> = register!(
            "view_interval",
            Unit::Seconds,
            "How often a view is read now; longer than its definition says where it is over budget"
        );
        let certificate_expiry: Family<Side, Int> = register!(
            "certificate_expiry_timestamp",
            Unit::Seconds,
            "When the certificate expires that is shown to the backend (client) or served with (server)"
        );
        let certificate_failures: Family<Side, Int> =
            register!("certificate_reload_failures", "Changed files of certificates that could not be taken, since the start");
        let kubernetes_pods: Family<PodState, Int> =
            register!("kubernetes_pods", "Pods that are about PostgreSQL by what became of them; watched: it is read");
        let kubernetes_watch: Family<Collection, Int> = register!("kubernetes_watch_up", "Whether changes of pods are heard of");
        let spool_bytes: Int = register!("spool_bytes", "Bytes waiting in the spool");
        let spool_batches: Int = register!("spool_batches", "Batches waiting in the spool");
        let spool_oldest: Float =
            register!("spool_oldest_timestamp", Unit::Seconds, "When the oldest waiting batch was closed; 0 where none waits");
        let spool_on_disk: Int = register!("spool_on_disk", "Whether the disk takes what is spooled (0: batches wait in memory)");
        let shipped_batches: Counter = register!("shipped_batches", "Batches the backend has committed");
        let shipped_rows: Counter = register!("shipped_rows", "Rows the backend has committed");
        let shipped_bytes: Counter = register!("shipped_bytes", "Bytes of batches the backend has committed");
        let dropped_rows: Int = register!("dropped_rows", "Rows lost since the start: the spool was full, or a row was too large");
        let damaged_batches: Int = register!("damaged_batches", "Spooled batches that were damaged, since the start");
        let rejected_batches: Int = register!("rejected_batches", "Batches the backend refused for good, since the start");
        let ship_errors: Counter = register!("ship_errors", "Attempts to ship that failed");
        let last_ship: Float = register!("last_ship_timestamp", Unit::Seconds, "When a batch was last committed");
        Self {
            up,
            polls,
            errors,
            rows,
            seconds,
            last_success,
            interval,
            certificate_expiry,
            certificate_failures,
            kubernetes_pods,
            kubernetes_watch,
            spool_bytes,
            spool_batches,
            spool_oldest,
            spool_on_disk,
            shipped_batches,
            shipped_rows,
            shipped_bytes,
            dropped_rows,
            damaged_batches,
            rejected_batches,
            ship_errors,
            last_ship,
            told: Mutex::new(Told { started_us: now_us(), targets: 0, up: BTreeSet::new(), error: None }),
            registry,
        }
    }
}

impl Metrics {
    /// How many servers are to be read.
    pub(crate) fn expect(&self, targets: usize) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).targets = targets as u64;
    }

    /// An attempt to ship failed.
    pub(crate) fn ship_failed(&self, error: &str) {
        self.ship_errors.inc();
        self.told.lock().unwrap_or_else(PoisonError::into_inner).error = Some((error_line(error), now_us()));
    }

    /// What the next batch tells the backend; the spool's part of it comes from the spool.
    #[must_use]
    pub(crate) fn status(&self) -> Status {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        Status {
            started_us: told.started_us,
            targets: told.targets,
            targets_up: told.up.len() as u64,
            last_error: told.error.as_ref().map(|(error, _)| error.clone()),
            last_error_us: told.error.as_ref().map(|(_, at)| *at),
            ..Status::default()
        }
    }

    pub(crate) fn target(&self, server: &str, up: bool) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !up {
            told.up.remove(server);
        } else if !told.up.contains(server) {
            told.up.insert(server.into());
        }
        drop(told);
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

    pub(crate) fn client_certificate(&self, certificate: Certificate) {
        if let Some(expires) = certificate.expires {
            self.certificate("client", expires, certificate.failures);
        }
    }

    pub(crate) fn server_certificate(&self, figures: Figures) {
        self.certificate("server", figures.expires, figures.reload_failures);
    }

    fn certificate(&self, side: &'static str, expires: i64, failures: u64) {
        self.certificate_expiry.get_or_create(&Side { side }).set(expires);
        self.certificate_failures.get_or_create(&Side { side }).set(i64::try_from(failures).unwrap_or(i64::MAX));
    }

    pub(crate) fn kubernetes_pods(&self, state: &'static str, count: usize) {
        self.kubernetes_pods.get_or_create(&PodState { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn kubernetes_watch(&self, watched: &str, up: bool) {
        self.kubernetes_watch.get_or_create(&Collection { watched: watched.into() }).set(i64::from(up));
    }

    /// A server is read no more: its last figures would look like its state for ever.
    pub(crate) fn forget(&self, server: &str, views: &[Arc<View>]) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).up.remove(server);
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

    /// The whole text.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn now_us() -> i64 {
    crate::read::target::now_us()
}

/// Seconds since the epoch.
#[must_use]
pub(crate) fn now_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_servers_that_answer_and_the_latest_error_even_after_it_passed() {
        let metrics = Metrics::default();
        metrics.expect(2);
        metrics.target("db-1", true);
        metrics.target("db-2", true);
        metrics.target("db-1", false);
        metrics.ship_failed("503:\nbusy");
        let status = metrics.status();
        assert_eq!((status.targets, status.targets_up, status.last_error.as_deref()), (2, 1, Some("503: busy")));
        assert!(status.started_us > 0 && status.last_error_us >= Some(status.started_us));
        metrics.ship_failed(&"é".repeat(1_000));
        assert_eq!(metrics.status().last_error.map(|error| error.len()), Some(pganalytics_views::wire::MAX_ERROR));
    }

    #[test]
    fn the_text_tells_targets_views_and_the_spool() {
        let metrics = Metrics::default();
        metrics.target("db-1:5432", false);
        metrics.view_read("db-1:5432", "pg_stat_io", Duration::from_millis(1500), 7);
        metrics.view_failed("db-1:5432", "pg_stat_io");
        metrics.spool_bytes.set(12);
        let text = metrics.text();
        for line in [
            "pganalytics_collector_target_up{server=\"db-1:5432\"} 0",
            "pganalytics_collector_view_polls_total{server=\"db-1:5432\",view=\"pg_stat_io\"} 2",
            "pganalytics_collector_view_errors_total{server=\"db-1:5432\",view=\"pg_stat_io\"} 1",
            "pganalytics_collector_view_duration_seconds_total{server=\"db-1:5432\",view=\"pg_stat_io\"} 1.5",
            "pganalytics_collector_spool_bytes 12",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
