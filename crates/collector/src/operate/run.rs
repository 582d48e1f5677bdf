//! Starts everything in order, runs until stopped, and stops everything in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use pganalytics_tls::Tls;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::http;
use super::metrics::Metrics;
use crate::config::Config;
use crate::find::kubernetes;
use crate::read::target::{self, Common, Link};
use crate::ship::gather::Gather;
use crate::ship::spool::Spool;
use crate::ship::{self, Client, Closing, Queue, Shipper};

/// The first reading of a server takes less than this.
const FIRST_FLUSH: Duration = Duration::from_secs(2);
/// How long targets may take to stop.
const STOP_TARGETS: Duration = Duration::from_secs(2);
/// How long the last attempt to ship may take. The batches are in the spool anyway.
const STOP_SHIP: Duration = Duration::from_secs(3);

/// Collects until stopped. Then writes the remaining rows to the spool, tries once to ship them, and returns.
///
/// # Errors
/// If it cannot start: the spool or the address is not available, or certificates cannot be read.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    // First of all, so that invalid certificates are reported at once.
    let client = Client::new(&config.backend)?;
    if config.backend.url.scheme() == "http" && !is_loopback(&config.backend.url) {
        tracing::warn!(backend = %config.backend.url, "the token and all statistics are sent unencrypted: use https");
    }
    let (folder, max_bytes) = (config.spool.folder.clone(), config.spool.max_bytes);
    let spool = tokio::task::spawn_blocking(move || Spool::open(&folder, max_bytes)).await.context("cannot open the spool")??;
    let shipper = Shipper::new(&config, client, spool.identity())?;
    let listener = match config.listen {
        None => None,
        Some(address) => {
            let cannot = || format!("cannot listen on {address} for /metrics: set another address in [collector] listen, or \"off\"");
            Some(tokio::net::TcpListener::bind(address).await.with_context(cannot)?)
        }
    };
    let tls = config
        .tls
        .map(Tls::load)
        .transpose()
        .context("cannot load the certificates in [collector] (tls_cert, tls_key, tls_client_ca, tls_client_crl)")?;
    let metrics = Arc::new(Metrics::default());
    let discovery = match config.kubernetes {
        None => None,
        Some(options) => {
            let client = kubernetes::client(&options)?;
            let taken = config.targets.iter().map(|target| target.name.clone()).collect();
            Some(kubernetes::Discovery { options, client, taken, metrics: Arc::clone(&metrics.find) })
        }
    };
    metrics.read.expect(config.targets.len());
    let gather = Gather::counting(metrics.ship.dropped_rows.clone());
    let collector = spool.identity();
    tracing::info!(%collector, name = config.name, targets = config.targets.len(), views = config.views.len(), "collecting");
    let closing = Closing { collector, name: config.name.clone(), gather: Arc::clone(&gather), metrics: Arc::clone(&metrics.ship) };
    let queue = Queue { spool: Arc::new(Mutex::new(spool)), bell: Arc::new(Notify::new()) };
    closing.observe(&queue).await?;

    let mut serving = JoinSet::new();
    if let Some(listener) = listener {
        serving.spawn(http::serve(listener, tls.map(Arc::new), Arc::clone(&metrics), stop.clone()));
    }
    let common = Arc::new(Common { collector: config.name, views: config.views, gather, metrics: Arc::clone(&metrics.read) });
    let mut targets = JoinSet::new();
    for options in config.targets {
        let link = Link::fixed(options.conninfo.clone());
        targets.spawn(target::run(options, link, Arc::clone(&common), stop.clone()));
    }
    if let Some(discovery) = discovery {
        targets.spawn(kubernetes::run(discovery, Arc::clone(&common), stop.clone()));
    }
    let shipping = ship::run(&shipper, &queue, &metrics.ship, &stop);
    let flushing = async {
        // The first round is read at once, and people want to see it at once.
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + FIRST_FLUSH.min(config.flush), config.flush);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
                () = common.gather.full() => {}
            }
            closing.flush(&queue, metrics.status()).await;
        }
    };
    tokio::join!(shipping, flushing);

    let _ = tokio::time::timeout(STOP_TARGETS, async { while targets.join_next().await.is_some() {} }).await;
    closing.flush(&queue, metrics.status()).await;
    let _ = tokio::time::timeout(STOP_SHIP, ship::drain(&shipper, &queue, &metrics.ship)).await;
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
