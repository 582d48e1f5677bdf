//! The metrics of the spool, of shipping and of certificates.

use std::sync::{Mutex, PoisonError};

use pganalytics_views::wire::error_line;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::client::Certificate;
use crate::clock::now_us;
use crate::registry::{Float, Int, register, register_seconds};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Side {
    /// `client`: the certificate shown to the backend. `server`: the certificate of `/metrics`.
    side: &'static str,
}

/// The metrics of the certificates that this process uses, as client and as server.
#[derive(Debug)]
pub(crate) struct Certificates {
    expiry: Family<Side, Int>,
    failures: Family<Side, Int>,
}

impl Certificates {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            expiry: register_seconds(
                registry,
                "certificate_expiry_timestamp",
                "Expiry time of the certificate presented to the backend (client) or served to clients (server)",
            ),
            failures: register(
                registry,
                "certificate_reload_failures",
                "Changed certificate files that could not be loaded, since the start",
            ),
        }
    }

    pub(crate) fn client(&self, certificate: Certificate) {
        if let Some(expires) = certificate.expires {
            self.side("client", expires, certificate.failures);
        }
    }

    pub(crate) fn server(&self, figures: pganalytics_tls::Figures) {
        self.side("server", figures.expires, figures.reload_failures);
    }

    fn side(&self, side: &'static str, expires: i64, failures: u64) {
        self.expiry.get_or_create(&Side { side }).set(expires);
        self.failures.get_or_create(&Side { side }).set(i64::try_from(failures).unwrap_or(i64::MAX));
    }
}

#[derive(Debug)]
pub(crate) struct Metrics {
    /// The latest shipping error and its time.
    error: Mutex<Option<(String, i64)>>,
    pub certificates: Certificates,
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

impl Metrics {
    pub(crate) fn register(registry: &mut Registry, certificates: Certificates) -> Self {
        Self {
            error: Mutex::default(),
            certificates,
            spool_bytes: register(registry, "spool_bytes", "Bytes of batches that wait in the spool"),
            spool_batches: register(registry, "spool_batches", "Batches that wait in the spool"),
            spool_oldest: register_seconds(
                registry,
                "spool_oldest_timestamp",
                "Time when the oldest waiting batch was closed; 0 if no batch waits",
            ),
            spool_on_disk: register(registry, "spool_on_disk", "Whether the spool is writable (0: batches are held in memory)"),
            shipped_batches: register(registry, "shipped_batches", "Batches that the backend has committed"),
            shipped_rows: register(registry, "shipped_rows", "Rows that the backend has committed"),
            shipped_bytes: register(registry, "shipped_bytes", "Bytes of the batches that the backend has committed"),
            dropped_rows: register(
                registry,
                "dropped_rows",
                "Rows lost since the start, because the spool was full or a row was too large",
            ),
            damaged_batches: register(registry, "damaged_batches", "Damaged batches found in the spool, since the start"),
            rejected_batches: register(registry, "rejected_batches", "Batches that the backend refused permanently, since the start"),
            ship_errors: register(registry, "ship_errors", "Failed attempts to ship a batch"),
            last_ship: register_seconds(registry, "last_ship_timestamp", "Time when the backend last committed a batch"),
        }
    }

    /// Counts a failed attempt to ship and keeps its error.
    pub(crate) fn ship_failed(&self, error: &str) {
        self.ship_errors.inc();
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some((error_line(error), now_us()));
    }

    /// The latest shipping error and its time.
    #[must_use]
    pub(crate) fn error(&self) -> Option<(String, i64)> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
