//! The backend's own metrics, as OpenMetrics under `/metrics`. This is the only place with their names and labels.

use std::time::Duration;

use pganalytics_lake::Stats;
use pganalytics_tls::Figures;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds, from a cached answer to the SQL deadline.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// A request by its method, its route (the pattern, never the path) and its status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) method: String,
    pub(crate) route: String,
    pub(crate) status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: String,
}

/// Counters of the handlers.
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Histograms<RouteLabels>,
    batches: Family<OutcomeLabels, Counter>,
    rows: Counter,
    bytes: Counter,
    queries: Histograms<OutcomeLabels>,
    logins: Family<OutcomeLabels, Counter>,
    refusals: Family<CodeLabels, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            batches: Family::default(),
            rows: Counter::default(),
            bytes: Counter::default(),
            queries: Family::new_with_constructor(histogram),
            logins: Family::default(),
            refusals: Family::default(),
        }
    }

    pub(crate) fn request(&self, labels: RequestLabels, took: Duration) {
        self.durations.get_or_create(&RouteLabels { route: labels.route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts an accepted batch with its rows and bytes.
    pub(crate) fn accepted(&self, rows: u64, bytes: usize) {
        self.batches.get_or_create(&OutcomeLabels { outcome: "accepted" }).inc();
        self.rows.inc_by(rows);
        self.bytes.inc_by(bytes as u64);
    }

    /// Counts a batch that changed nothing: `duplicate`, `behind` (far below its collector's mark), `leap`, `malformed`, `foreign`, `revoked`, `store`.
    pub(crate) fn batch(&self, outcome: &'static str) {
        self.batches.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    pub(crate) fn query(&self, outcome: &'static str, took: Duration) {
        self.queries.get_or_create(&OutcomeLabels { outcome }).observe(took.as_secs_f64());
    }

    pub(crate) fn login(&self, outcome: &'static str) {
        self.logins.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts a request that the audit log calls refused, by the error's code.
    pub(crate) fn refused(&self, code: String) {
        self.refusals.get_or_create(&CodeLabels { code }).inc();
    }

    /// All metrics, including the current figures of the lake, and of TLS and Redis if they are in use.
    pub(crate) fn encode(&self, lake: Stats, tls: Option<Figures>, redis: Option<u64>) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("pganalytics");
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit("http_request_duration", "Time to answer a request", Unit::Seconds, self.durations.clone());
        registry.register("ingest_batches", "Batches received, by outcome", self.batches.clone());
        registry.register("ingest_rows", "Rows of accepted batches", self.rows.clone());
        registry.register_with_unit("ingest", "Bytes of accepted batches as shipped", Unit::Bytes, self.bytes.clone());
        registry.register_with_unit("query_duration", "Time to answer SQL, by outcome", Unit::Seconds, self.queries.clone());
        registry.register("logins", "Attempts to log in, by outcome", self.logins.clone());
        registry.register("refusals", "Refused logins, enrolments and requests, by the error's code", self.refusals.clone());
        registry.register_collector(Box::new(LakeFigures(lake)));
        if let Some(tls) = tls {
            registry.register_collector(Box::new(TlsFigures(tls)));
        }
        if let Some(failures) = redis {
            registry.register_collector(Box::new(RedisFailures(failures)));
        }
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &registry)?;
        Ok(out)
    }
}

/// The lake's figures at the time of the scrape.
#[derive(Debug)]
struct LakeFigures(Stats);

impl Collector for LakeFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Self(stats) = self;
        let gauges: [(&str, &str, Option<Unit>, u64); 8] = [
            ("lake_hot_batches", "Batches not yet compacted", None, stats.hot_batches),
            ("lake_hot_rows", "Rows not yet compacted", None, stats.hot_rows),
            ("lake_hot", "Memory of the rows not yet compacted", Some(Unit::Bytes), stats.hot_bytes),
            ("lake_files", "Live Parquet files", None, stats.files),
            (
                "lake_damaged_files",
                "Damaged Parquet files that merging has set aside; the log and pganalytics lake verify name them",
                None,
                stats.damaged_files,
            ),
            ("lake_file", "Bytes of live Parquet files", Some(Unit::Bytes), stats.file_bytes),
            ("lake_running_queries", "Queries that run at this moment", None, stats.running_queries),
            (
                "lake_stuck_queries",
                "Queries that did not stop at their deadline, and whose threads still run; only a restart ends them sooner",
                None,
                stats.stuck_queries,
            ),
        ];
        for (name, help, unit, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?)?;
        }
        let counters = [
            ("lake_queries", "Queries answered", stats.queries),
            ("lake_kept_answers", "Queries answered from the shared cache, among those answered", stats.kept_answers),
            ("lake_failed_queries", "Queries that failed", stats.failed_queries),
            (
                "query_threads_abandoned",
                "Queries that did not stop at their deadline, and whose threads were given up and replaced",
                stats.abandoned_queries,
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        let mut rows = encoder.encode_descriptor("lake_rows", "Rows by table", None, prometheus_client::metrics::MetricType::Gauge)?;
        for table in &stats.tables {
            let labels = [("table", table.view.as_str())];
            let gauge = ConstGauge::new(i64::try_from(table.hot_rows + table.file_rows).unwrap_or(i64::MAX));
            gauge.encode(rows.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// The certificate's figures.
#[derive(Debug)]
struct TlsFigures(Figures);

impl Collector for TlsFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Self(figures) = self;
        let expires = ConstGauge::new(figures.expires);
        let help = "When the served certificate, or another of its chain, expires";
        let kind = expires.metric_type();
        expires.encode(encoder.encode_descriptor("tls_certificate_expiry_timestamp", help, Some(&Unit::Seconds), kind)?)?;
        if let Some(due) = figures.lists_due.map(ConstGauge::new) {
            let help = "When the list of revoked client certificates should have been followed by a newer one";
            let kind = due.metric_type();
            due.encode(encoder.encode_descriptor("tls_client_crl_due_timestamp", help, Some(&Unit::Seconds), kind)?)?;
        }
        for (name, help, value) in [
            ("tls_reloads", "Changed certificate files that were taken", figures.reloads),
            ("tls_reload_failures", "Changed certificate files that could not be taken; the old ones are served", figures.reload_failures),
            ("tls_handshake_failures", "Connections that ended before they were encrypted", figures.handshake_failures),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}

/// Failed commands of Redis.
#[derive(Debug)]
struct RedisFailures(u64);

impl Collector for RedisFailures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counter = ConstCounter::new(self.0);
        let help = "Commands that Redis did not answer in time";
        counter.encode(encoder.encode_descriptor("redis_failures", help, None, counter.metric_type())?)
    }
}
