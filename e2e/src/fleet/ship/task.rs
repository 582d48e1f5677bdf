//! One collector: ships its batches in order, each until it is acknowledged or refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, StatusCode};

use super::shared::{Shared, lock, now_us};
use crate::api::shipment;
use crate::fleet::ledger::Entry;
use crate::fleet::shape::Shape;

// As in the real collector.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_CAP: Duration = Duration::from_secs(30);
const BACKOFF_LEAST: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_secs(60);
const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);

/// The outcome of one request.
enum Outcome {
    Committed {
        duplicate: bool,
    },
    Refused(String),
    /// Only an administrator can help: retried slowly.
    Remedy(String),
    /// Retried with backoff, or after this time.
    Again(String, Option<Duration>),
}

/// One collector.
pub(super) struct CollectorTask {
    shared: Arc<Shared>,
    collector: u32,
    client: Client,
    at: usize,
}

impl CollectorTask {
    pub(super) fn new(shared: Arc<Shared>, collector: u32) -> Result<Self> {
        let endpoint = &shared.endpoint;
        let mut client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT).no_proxy();
        if let Some(file) = &endpoint.ca {
            let pem = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
            let certificates =
                reqwest::Certificate::from_pem_bundle(&pem).with_context(|| format!("{} holds no PEM certificates", file.display()))?;
            client = client.tls_certs_merge(certificates);
        }
        let at = collector as usize % endpoint.urls.len();
        Ok(Self { client: client.build().context("make an HTTP client")?, at, shared, collector })
    }

    /// Ships until the fleet's last batch, or its end.
    pub(super) async fn run(mut self) -> Result<()> {
        let shape = self.shared.rows.shape().clone();
        loop {
            let sequence = self.shared.last[self.collector as usize].load(Ordering::Relaxed) + 1;
            if shape.batches.is_some_and(|batches| sequence > batches) || !self.closes(&shape, sequence).await {
                return Ok(());
            }
            let entry = self.ship(sequence).await?;
            let (rows, refused, duplicate) =
                (entry.sums.values().map(|sum| sum.rows).sum::<u64>(), entry.refused.is_some(), entry.duplicate);
            let took = entry.try_us;
            self.shared.ledger.append(entry).await?;
            self.shared.last[self.collector as usize].store(sequence, Ordering::Relaxed);
            let mut counted = lock(&self.shared.counted);
            counted.refused += u64::from(refused);
            if !refused {
                counted.batches += 1;
                counted.rows += rows;
                counted.duplicates += u64::from(duplicate);
                lock(&self.shared.latencies).push(took);
            }
        }
    }

    /// Waits until a batch is closed. False if the fleet ends before.
    async fn closes(&self, shape: &Shape, sequence: u64) -> bool {
        let at = shape.closes_us(self.collector, sequence);
        loop {
            let now = now_us();
            if let Some(end) = *lock(&self.shared.end) {
                return at <= end;
            }
            let Ok(wait @ 1..) = u64::try_from(at - now) else { return true };
            tokio::select! {
                () = self.shared.ending.cancelled() => {}
                () = tokio::time::sleep(Duration::from_micros(wait)) => {}
            }
        }
    }

    /// Ships one batch until it is acknowledged or refused.
    async fn ship(&mut self, sequence: u64) -> Result<Entry> {
        let (rows, collector) = (Arc::clone(&self.shared.rows), self.collector);
        let made = tokio::task::spawn_blocking(move || rows.batch(collector, sequence));
        let (body, sums) = made.await.context("make a batch")??;
        let body = Bytes::from(body);
        let begin = Instant::now();
        let mut failures: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            let try_begin = Instant::now();
            let outcome = self.attempt(body.clone()).await;
            let (try_us, whole_us) = (micros(try_begin.elapsed()), micros(begin.elapsed()));
            let (refused, duplicate) = match outcome {
                Outcome::Committed { duplicate } => (None, duplicate),
                Outcome::Refused(reason) => (Some(reason), false),
                Outcome::Remedy(kind) => {
                    self.failed(&mut failures, kind);
                    tokio::time::sleep(SLOW.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
                    continue;
                }
                Outcome::Again(kind, after) => {
                    let tried: u32 = failures.values().sum();
                    self.failed(&mut failures, kind);
                    let most = BACKOFF.saturating_mul(2_u32.saturating_pow(tried)).min(BACKOFF_CAP);
                    tokio::time::sleep(after.unwrap_or_else(|| most.mul_f64(rand::random::<f64>()).max(BACKOFF_LEAST))).await;
                    continue;
                }
            };
            lock(&self.shared.counted).bytes += body.len() as u64;
            return Ok(Entry { collector: self.collector, sequence, sums, refused, duplicate, failures, try_us, whole_us });
        }
    }

    fn failed(&mut self, failures: &mut BTreeMap<String, u32>, kind: String) {
        *lock(&self.shared.counted).failures.entry(kind.clone()).or_default() += 1;
        *failures.entry(kind).or_default() += 1;
        self.at = (self.at + 1) % self.shared.endpoint.urls.len();
    }

    async fn attempt(&self, body: Bytes) -> Outcome {
        let endpoint = &self.shared.endpoint;
        let answer = match shipment(&self.client, &endpoint.urls[self.at], &endpoint.token.0, body).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Outcome::Again("no connection".into(), None),
            Err(error) if error.is_timeout() => return Outcome::Again("timeout".into(), None),
            Err(_) => return Outcome::Again("connection broken".into(), None),
        };
        let status = answer.status();
        let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = after.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_CAP));
        // As for the real collector, the status alone is the acknowledgement: the body may be lost.
        let text = answer.text().await.unwrap_or_default();
        match status {
            _ if status.is_success() => Outcome::Committed { duplicate: text.contains("\"duplicate\":true") },
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Outcome::Refused(format!("{status}: {text}")),
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Remedy(status.as_u16().to_string()),
            _ => Outcome::Again(status.as_u16().to_string(), after),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
