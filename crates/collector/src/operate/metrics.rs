//! The collector's own state: for Prometheus in its text format, and for the backend as the [`Status`] in each batch.

use std::sync::Arc;

use pganalytics_views::wire::Status;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::clock::now_us;
use crate::{find, read, ship};

/// The metrics of every room.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    started_us: i64,
    pub read: Arc<read::metrics::Metrics>,
    pub find: Arc<find::metrics::Metrics>,
    pub ship: Arc<ship::metrics::Metrics>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pganalytics_collector");
        let read = read::metrics::Metrics::register(&mut registry);
        let certificates = ship::metrics::Certificates::register(&mut registry);
        let find = find::metrics::Metrics::register(&mut registry);
        let ship = ship::metrics::Metrics::register(&mut registry, certificates);
        Self { registry, started_us: now_us(), read: Arc::new(read), find: Arc::new(find), ship: Arc::new(ship) }
    }
}

impl Metrics {
    /// The status in the next batch. The spool adds its own part.
    #[must_use]
    pub(crate) fn status(&self) -> Status {
        let ((targets, targets_up), error) = (self.read.targets(), self.ship.error());
        Status {
            started_us: self.started_us,
            targets,
            targets_up,
            last_error_us: error.as_ref().map(|(_, at)| *at),
            last_error: error.map(|(error, _)| error),
            ..Status::default()
        }
    }

    /// All metrics in the text format.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_status_has_the_servers_that_answer_and_the_latest_error_even_after_recovery() {
        let metrics = Metrics::default();
        metrics.read.expect(2);
        metrics.read.target("db-1", true);
        metrics.read.target("db-2", true);
        metrics.read.target("db-1", false);
        metrics.ship.ship_failed("503:\nbusy");
        let status = metrics.status();
        assert_eq!((status.targets, status.targets_up, status.last_error.as_deref()), (2, 1, Some("503: busy")));
        assert!(status.started_us > 0 && status.last_error_us >= Some(status.started_us));
        metrics.ship.ship_failed(&"é".repeat(1_000));
        assert_eq!(metrics.status().last_error.map(|error| error.len()), Some(pganalytics_views::wire::MAX_ERROR));
    }

    #[test]
    fn the_metrics_show_targets_views_and_the_spool() {
        let metrics = Metrics::default();
        metrics.read.target("db-1:5432", false);
        metrics.read.view_read("db-1:5432", "pg_stat_io", Duration::from_millis(1500), 7);
        metrics.read.view_failed("db-1:5432", "pg_stat_io");
        metrics.ship.spool_bytes.set(12);
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
