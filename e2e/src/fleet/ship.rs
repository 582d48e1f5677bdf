//! Ships a fleet's batches by the rule of the real collector (`crates/collector/src/ship.rs`): in order, one in flight a collector,
//! each until it is answered for good; and it counts as answered only when the ledger has it on disk, as the real one's spool does.
//!
//! | answer | what happens |
//! |---|---|
//! | 200 | into the ledger; the next one follows |
//! | 400, 413 | into the ledger as refused; the next one follows |
//! | 401, 403, 404, 405, 422 | tried again slowly |
//! | 429, 5xx, no answer | tried again with backoff, or when `Retry-After` says; at the next address where there are several |

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, StatusCode};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ledger::{Entry, History, Ledger};
use super::rows::Rows;
use super::shape::Shape;
use crate::drive::backend::shipment;
use crate::wait::until;

// As in the real collector.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_CAP: Duration = Duration::from_secs(30);
const BACKOFF_LEAST: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_secs(60);
const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);

/// A collector's token; prints as `***`.
#[derive(Clone)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where batches go.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// One load balancer, or several backends; each collector begins at another one and goes on to the next after a failure.
    pub urls: Vec<String>,
    pub token: Token,
    /// PEM of the authority that signed the backends' certificates, where it is not a public one.
    pub ca: Option<PathBuf>,
}

/// What the collectors did so far, in this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    pub batches: u64,
    pub rows: u64,
    pub bytes: u64,
    pub refused: u64,
    /// Acknowledged as known already: an answer was lost, or a collector was killed before it wrote its ledger.
    pub duplicates: u64,
    /// Tries that came to nothing, by what came of them.
    pub failures: BTreeMap<String, u64>,
    /// Batches that are closed and wait.
    pub waiting: u64,
}

/// A fleet that ships. Dropped, it stops where it is.
#[derive(Debug)]
pub struct Fleet {
    shared: Arc<Shared>,
    collectors: Vec<Option<JoinHandle<Result<()>>>>,
}

#[derive(Debug)]
struct Shared {
    rows: Arc<Rows>,
    endpoint: Endpoint,
    ledger: Ledger,
    /// The last sequence of each that is in the ledger.
    last: Vec<AtomicU64>,
    counted: Mutex<Progress>,
    /// Latencies of the last tries, µs; for whoever measures.
    latencies: Mutex<Vec<u64>>,
    /// The last batch of each, once the end is known.
    end: Mutex<Option<i64>>,
    ending: CancellationToken,
}

impl Fleet {
    /// Starts every collector where its ledger ends.
    ///
    /// # Errors
    /// When the shape is out of bounds, or a URL or certificate is none.
    pub fn start(endpoint: Endpoint, ledger: Ledger, history: &History) -> Result<Self> {
        // A second call would be the only error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        ensure!(!endpoint.urls.is_empty(), "there is no URL to ship to: name one");
        for url in &endpoint.urls {
            url.parse::<reqwest::Url>().with_context(|| format!("'{url}' is no URL"))?;
        }
        let rows = Arc::new(Rows::new(&history.shape)?);
        let mut last = vec![0; history.shape.collectors as usize];
        for entry in &history.entries {
            *last.get_mut(entry.collector as usize).context("a collector of the ledger's fleet")? = entry.sequence;
        }
        let shared = Arc::new(Shared {
            rows,
            endpoint,
            ledger,
            last: last.into_iter().map(AtomicU64::new).collect(),
            counted: Mutex::default(),
            latencies: Mutex::default(),
            end: Mutex::default(),
            ending: CancellationToken::new(),
        });
        let mut fleet = Self { shared, collectors: Vec::new() };
        for collector in 0..history.shape.collectors {
            let started = fleet.collector(collector)?;
            fleet.collectors.push(Some(started));
        }
        Ok(fleet)
    }

    /// kill -9 of one collector, and its next start: whatever was in flight is shipped again.
    ///
    /// # Errors
    /// When there is no such collector.
    pub async fn crash(&mut self, collector: u32) -> Result<()> {
        let slot = self.collectors.get_mut(collector as usize).with_context(|| format!("there is no collector {collector}"))?;
        if let Some(task) = slot.take() {
            task.abort();
            match task.await {
                Err(error) if error.is_cancelled() => {}
                other => other.context("a collector broke off")??,
            }
        }
        // What it had given to its ledger is known at its next start, as it would be from a disk.
        self.shared.ledger.settle().await?;
        let known = History::read(self.shared.ledger.path())?.last(collector);
        self.shared.last[collector as usize].store(known, Ordering::Relaxed);
        let started = self.collector(collector)?;
        self.collectors[collector as usize] = Some(started);
        Ok(())
    }

    /// kill -9 of the whole fleet. Its ledger can be opened again afterwards.
    ///
    /// # Errors
    /// When a collector had ended with an error.
    pub async fn kill(mut self) -> Result<()> {
        self.collectors.iter().flatten().for_each(JoinHandle::abort);
        for task in self.collectors.iter_mut().filter_map(Option::take) {
            match task.await {
                Err(error) if error.is_cancelled() => {}
                other => other.context("a collector broke off")??,
            }
        }
        self.shared.ledger.settle().await
    }

    /// What was done so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let mut progress = lock(&self.shared.counted).clone();
        let now = now_us();
        let shape = self.shared.rows.shape();
        progress.waiting = (0..shape.collectors).map(|collector| closed(shape, collector, now).saturating_sub(self.last(collector))).sum();
        progress
    }

    /// The latencies of acknowledged tries since it was asked last.
    #[must_use]
    pub fn take_latencies(&self) -> Vec<Duration> {
        let latencies = std::mem::take(&mut *lock(&self.shared.latencies));
        latencies.into_iter().map(Duration::from_micros).collect()
    }

    /// Waits until no more than one batch a collector waits.
    ///
    /// # Errors
    /// When a collector ended with an error, or the deadline has passed.
    pub async fn caught_up(&mut self, deadline: Duration) -> Result<()> {
        self.at_most(u64::from(self.shared.rows.shape().collectors), deadline).await
    }

    /// Waits until no batch waits, which a fleet comes to whose batches are counted.
    ///
    /// # Errors
    /// As of [`Self::caught_up`].
    pub async fn shipped(&mut self, deadline: Duration) -> Result<()> {
        self.at_most(0, deadline).await
    }

    async fn at_most(&mut self, most: u64, deadline: Duration) -> Result<()> {
        until("the fleet's backlog to be shipped", deadline, async || {
            if self.collectors.iter().flatten().any(JoinHandle::is_finished) && self.progress().waiting > 0 {
                bail!("a collector has ended");
            }
            Ok((self.progress().waiting <= most).then_some(()))
        })
        .await
    }

    /// Ships what is closed by now, and ends. Afterwards nothing is in flight.
    ///
    /// # Errors
    /// When a collector ended with an error, or the deadline has passed.
    pub async fn finish(mut self, deadline: Duration) -> Result<Progress> {
        lock(&self.shared.end).get_or_insert(now_us());
        self.shared.ending.cancel();
        let all = async {
            for task in self.collectors.iter_mut().filter_map(Option::take) {
                task.await.context("a collector broke off")??;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(deadline, all).await.with_context(|| {
            format!("the fleet's last batches were not taken within {} s: {:?}", deadline.as_secs(), lock(&self.shared.counted).failures)
        })??;
        Ok(self.progress())
    }

    fn collector(&self, collector: u32) -> Result<JoinHandle<Result<()>>> {
        let shipper = Shipper::new(Arc::clone(&self.shared), collector)?;
        Ok(tokio::spawn(shipper.run()))
    }

    fn last(&self, collector: u32) -> u64 {
        self.shared.last[collector as usize].load(Ordering::Relaxed)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.collectors.iter().flatten().for_each(JoinHandle::abort);
    }
}

/// What one try came to.
enum Outcome {
    Committed { duplicate: bool },
    Refused(String),
    Remedy(String),
    Again(String, Option<Duration>),
}

struct Shipper {
    shared: Arc<Shared>,
    collector: u32,
    client: Client,
    at: usize,
}

impl Shipper {
    fn new(shared: Arc<Shared>, collector: u32) -> Result<Self> {
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

    async fn run(mut self) -> Result<()> {
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

    /// Waits until a batch is closed; false where the end comes before.
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

    /// Ships one batch until it is answered for good.
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
        // As for the real one, the status is the acknowledgement, also where the body is lost.
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

/// How many batches a collector has closed.
fn closed(shape: &Shape, collector: u32, now: i64) -> u64 {
    // The distance of two closings is the same everywhere; one is enough to count them.
    let (first, second) = (shape.closes_us(collector, 1), shape.closes_us(collector, 1_000_001));
    let count = i128::from(now - first) * 1_000_000 / i128::from((second - first).max(1)) + 1;
    let count = if now < first { 0 } else { u64::try_from(count).unwrap_or(0) };
    count.min(shape.batches.unwrap_or(u64::MAX))
}

/// The wall's clock.
#[must_use]
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Shape, Token, closed};

    #[test]
    fn closed_batches_are_counted_as_the_clock_closes_them() {
        let shape = Shape { speed: 3.0, collectors: 7, batches: Some(50), ..Shape::new(1, 70, 1_800_000_000_000_000) };
        for sequence in 1..=50 {
            let at = shape.closes_us(5, sequence);
            assert_eq!((closed(&shape, 5, at - 2), closed(&shape, 5, at + 2)), (sequence - 1, sequence));
        }
        assert_eq!(closed(&shape, 5, i64::MAX / 4), 50);
    }

    #[test]
    fn a_token_does_not_print() {
        assert_eq!(format!("{:?}", Token("secret".into())), "***");
    }
}
