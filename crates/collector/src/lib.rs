//! Reads PostgreSQL's statistics safely and ships them to the backend.
//!
//! ```text
//! target (one task a server) ─▶ probe ─▶ delta ─▶ gather ─▶ batch ─▶ spool ─▶ ship ══▶ backend
//! ```
//! [`Config`] says what to read and where to; [`run`] does it until told to stop; [`doctor`] tells what is missing, and what helps.

pub mod config;
pub mod connect;
pub mod delta;
pub mod find;
pub mod operate;
pub mod read;
pub mod ship;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use pganalytics_tls::Tls;
use pganalytics_views::wire::{Header, Limits, Status};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use config::{Backend, Config, ConfigError, KubernetesOptions, Overrides, Source, SpoolOptions, TargetOptions, Token};
pub use connect::conninfo::{Conninfo, ConninfoError};
pub use connect::secret::Secret;
pub use operate::doctor::{Level, Report, doctor};
pub use ship::spool;

use find::kubernetes;
use operate::http;
use operate::metrics::{Metrics, now_seconds};
use read::target::{self, Common, link::Link};
use ship::batch::{self, Encoded, Frames, Gather};
use ship::client::Client;
use ship::spool::Spool;
use ship::{Queue, Shipper};

/// A first look at a server takes less than this.
const FIRST_FLUSH: Duration = Duration::from_secs(2);
/// At the end, targets may take so long to let go of what they do.
const STOP_TARGETS: Duration = Duration::from_secs(2);
/// At the end, one try to ship what is left may take so long; the spool has it anyway.
const STOP_SHIP: Duration = Duration::from_secs(3);

/// Collects until told to stop; then spools what was read, tries once to ship it, and returns.
///
/// # Errors
/// Where it cannot begin: the spool or the address cannot be had, certificates cannot be read.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    // Before anything is made: certificates that do not do are told at once.
    let client = Client::new(&config.backend)?;
    if config.backend.url.scheme() == "http" && !is_loopback(&config.backend.url) {
        tracing::warn!(backend = %config.backend.url, "the token and everything that is read travel unencrypted: use https");
    }
    let (folder, max_bytes) = (config.spool.folder.clone(), config.spool.max_bytes);
    let spool = tokio::task::spawn_blocking(move || Spool::open(&folder, max_bytes)).await.context("open the spool")??;
    let shipper = Shipper::new(&config, client, spool.identity())?;
    let listener = match config.listen {
        None => None,
        Some(address) => Some(
            tokio::net::TcpListener::bind(address)
                .await
                .with_context(|| format!("listen on {address} for /metrics: choose another [collector] listen, or \"off\""))?,
        ),
    };
    let tls = config
        .tls
        .map(Tls::load)
        .transpose()
        .context("take the certificate of [collector] (tls_cert, tls_key, tls_client_ca, tls_client_crl)")?;
    let discovery = match config.kubernetes {
        None => None,
        Some(options) => {
            let client = kubernetes::client(&options)?;
            let taken = config.targets.iter().map(|target| target.name.clone()).collect();
            Some(kubernetes::Discovery { options, client, taken })
        }
    };
    let metrics = Arc::new(Metrics::default());
    metrics.expect(config.targets.len());
    let gather = Gather::new();
    let collector = spool.identity();
    tracing::info!(%collector, name = config.name, targets = config.targets.len(), views = config.views.len(), "collecting");
    let closing = Closing { collector, name: config.name.clone(), gather: Arc::clone(&gather), metrics: Arc::clone(&metrics) };
    let queue = Queue { spool: Arc::new(Mutex::new(spool)), bell: Arc::new(Notify::new()) };
    closing.observe(&queue).await?;

    let mut serving = JoinSet::new();
    if let Some(listener) = listener {
        serving.spawn(http::serve(listener, tls.map(Arc::new), Arc::clone(&metrics), stop.clone()));
    }
    let common = Arc::new(Common { collector: config.name, views: config.views, gather, metrics: Arc::clone(&metrics) });
    let mut targets = JoinSet::new();
    for options in config.targets {
        let link = Link::fixed(options.conninfo.clone());
        targets.spawn(target::run(options, link, Arc::clone(&common), stop.clone()));
    }
    if let Some(discovery) = discovery {
        targets.spawn(kubernetes::run(discovery, Arc::clone(&common), stop.clone()));
    }
    let shipping = ship::run(&shipper, &queue, &metrics, &stop);
    let flushing = async {
        // The first round is read at once and should be seen at once.
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + FIRST_FLUSH.min(config.flush), config.flush);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
                () = common.gather.full() => {}
            }
            closing.flush(&queue).await;
        }
    };
    tokio::join!(shipping, flushing);

    let _ = tokio::time::timeout(STOP_TARGETS, async { while targets.join_next().await.is_some() {} }).await;
    closing.flush(&queue).await;
    let _ = tokio::time::timeout(STOP_SHIP, ship::drain(&shipper, &queue, &metrics)).await;
    serving.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Closes batches and puts them into the spool.
struct Closing {
    collector: uuid::Uuid,
    name: String,
    gather: Arc<Gather>,
    metrics: Arc<Metrics>,
}

impl Closing {
    async fn flush(&self, queue: &Queue) {
        let batches = self.gather.take();
        let (collector, name, status) = (self.collector, self.name.clone(), self.metrics.status());
        let outcome = queue.with(move |spool| close(spool, collector, &name, &status, batches)).await;
        if let Ok(Err(error)) | Err(error) = outcome {
            tracing::error!(error = format!("{error:#}"), "a batch could not be spooled; its rows are counted as dropped");
        }
        queue.bell.notify_one();
        let _ = self.observe(queue).await;
    }

    async fn observe(&self, queue: &Queue) -> anyhow::Result<()> {
        let metrics = Arc::clone(&self.metrics);
        queue
            .with(move |spool| {
                let (counts, int) = (spool.counts(), |number: u64| i64::try_from(number).unwrap_or(i64::MAX));
                metrics.spool_bytes.set(int(spool.bytes()));
                metrics.spool_batches.set(int(spool.len() as u64));
                metrics.spool_on_disk.set(i64::from(spool.is_on_disk()));
                metrics.spool_oldest.set(spool.oldest_since().map_or(0.0, |age| now_seconds() - age.as_secs_f64()));
                metrics.dropped_rows.set(int(counts.dropped_rows));
                metrics.damaged_batches.set(int(counts.damaged));
                metrics.rejected_batches.set(int(counts.rejected));
            })
            .await
    }
}

/// Encodes rows as batches of the next sequences and appends them.
fn close(spool: &mut Spool, collector: uuid::Uuid, name: &str, status: &Status, batches: Vec<Frames>) -> anyhow::Result<()> {
    let mut todo = VecDeque::from(batches);
    let mut outcome = Ok(());
    while let Some(frames) = todo.pop_front() {
        let (sequence, dropped_rows) = spool.next();
        let header = Header {
            collector,
            collector_name: name.into(),
            sequence,
            created_us: target::now_us(),
            version: env!("CARGO_PKG_VERSION").into(),
            dropped_rows,
            status: Some(Status {
                spool_batches: spool.len() as u64,
                spool_bytes: spool.bytes(),
                oldest_ms: spool.oldest_since().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
                ..status.clone()
            }),
            frames: Vec::new(),
        };
        let rows = frames.iter().map(|(_, rows)| rows.num_rows() as u64).sum();
        match batch::encode(header, frames, &Limits::default()) {
            Encoded::Batch(body) => {
                if let Err(error) = spool.append(body, dropped_rows) {
                    spool.drop_rows(rows);
                    outcome = Err(error);
                }
            }
            Encoded::Halves(halves) => halves.into_iter().rev().for_each(|half| todo.push_front(half)),
            Encoded::Dropped { rows, reason } => {
                tracing::warn!(dropped.rows = rows, reason, "rows that no batch can hold were dropped");
                spool.drop_rows(rows);
            }
        }
    }
    outcome
}
