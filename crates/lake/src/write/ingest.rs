//! Ingest: receives the bytes of a batch and returns an acknowledgement.
//!
//! # Promise
//! `Ok` means that the batch is durably committed and visible to SQL on every replica. An error means that nothing of it was stored. The
//! exception is a commit whose answer was lost: the collector ships the batch again, and the batch is then a duplicate.
//! The times of rows are the backend's: see [`crate::decode`]. Parts of a batch that this backend does not know are kept.
//! A batch at or below its collector's high-water mark is a duplicate and changes nothing.
//!
//! # How
//! If hot rows fill their memory, a batch waits until compaction has made room. This slows the collectors to the pace of compaction. Then
//! the whole batch is decoded and checked, outside any transaction. Then a single writer task commits all waiting batches in one
//! transaction, so that one fsync serves all collectors that ship at the same time. The task publishes the rows and only then answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_views::clock;
use pganalytics_views::wire::{Header, Limits, decode_header};
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::error::IngestError;
use super::prepare::{bytes, prepare, rows};
use super::room::HotMemory;
use super::skew::Skewed;
use super::unknown::UnknownParts;
use super::writer::{Waiting, Writer};
use crate::decode::Times;
use crate::meta::{Meta, Standing};
use crate::model::Shapes;
use crate::present::Follower;

/// The most batches in the writer's queue. When the queue is full, senders wait.
const QUEUE: usize = 1_024;
/// The most batches that are decoded at once. Each may take [`Limits::decoded`] bytes.
const DECODERS: usize = 4;
/// A batch of at least this size is decoded on a blocking thread, so that other tasks need not wait.
const INLINE_BYTES: usize = 32 << 10;

/// The most by which one batch may raise its collector's mark. A spool skips at most two thousand numbers at a restart, and one for each
/// batch that it drops. The limit allows for about 50,000 restarts without an acknowledged batch. A larger step does not come from a real
/// collector.
const LEAP: u64 = 100_000_000;
/// The highest number of a collector's first batch. A collector may ship to another backend for years before it ships to this one.
const FIRST: u64 = 1 << 40;

/// The acknowledgement of a batch: the batch is committed and visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    pub collector: Uuid,
    pub sequence: u64,
    /// Whether the batch had been committed before, so that nothing changed.
    pub duplicate: bool,
    /// The number of rows in the batch.
    pub rows: u64,
    /// The collector's mark: every batch up to this number counts as committed.
    pub mark: u64,
    /// The views, and columns as `view.column`, that this backend does not know. Their rows are kept for a backend that knows them.
    pub unknown: Vec<String>,
}

/// The sender of a batch, as known from the request.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// The only collector that may ship with this credential. `None`: any collector.
    pub only: Option<Uuid>,
    /// The shared token that the batch came with. It is refused for a collector that has its own credential, or that is bound to another token.
    pub token: Option<i64>,
    /// The only collector name that its batches may have. `None`: any name.
    pub name: Option<String>,
    /// When the request was sent, in microseconds by the collector's clock.
    pub sent_at_us: Option<i64>,
    /// How long the batch has waited, in milliseconds, by a clock of the collector that nobody sets.
    pub waited_ms: Option<u64>,
}

/// Accepts batches.
#[derive(Debug)]
pub(crate) struct Intake {
    meta: Meta,
    queue: mpsc::Sender<Waiting>,
    decoders: Arc<Semaphore>,
    shapes: Arc<Shapes>,
    hot_memory: Arc<HotMemory>,
    pub(crate) batches: AtomicU64,
    pub(crate) duplicates: AtomicU64,
}

impl Intake {
    /// Starts the writer task, which ends when the intake is dropped. `keep` is held until then.
    pub(crate) async fn start(
        meta: Meta,
        shapes: Arc<Shapes>,
        hot_memory: Arc<HotMemory>,
        follower: Arc<Follower>,
        keep: impl Send + 'static,
    ) -> anyhow::Result<(Self, tokio::task::JoinHandle<()>)> {
        let skewed = Skewed::default();
        for (collector, _) in meta.all_collectors().await? {
            skewed.know(collector.id, collector.skew_us);
        }
        let (queue, waiting) = mpsc::channel(QUEUE);
        let writer = Writer { meta: meta.clone(), follower, skewed, unknown: UnknownParts::default() };
        let task = tokio::spawn(async move {
            writer.run(waiting).await;
            drop(keep);
        });
        let decoders = Arc::new(Semaphore::new(DECODERS));
        let (batches, duplicates) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok((Self { meta, queue, decoders, shapes, hot_memory, batches, duplicates }, task))
    }

    pub(crate) async fn ingest(&self, sender: &Sender, body: Bytes) -> Result<Ack, IngestError> {
        let (limits, arrived) = (Limits::default(), Utc::now());
        let header = decode_header(&body, &limits)?;
        if let Some(own) = sender.only.filter(|own| *own != header.collector) {
            return Err(IngestError::Foreign { shipped: header.collector, own });
        }
        let standing = self.standing(header.collector).await?;
        if standing.is_revoked {
            return Err(IngestError::Revoked(header.collector));
        }
        if sender.token.is_some() && standing.is_enrolled {
            return Err(IngestError::Enrolled(header.collector));
        }
        if let (Some(token), Some(bound)) = (sender.token, &standing.bound)
            && token != bound.id
        {
            return Err(IngestError::Bound { collector: header.collector, token: bound.name.clone() });
        }
        if let Some(own) = sender.name.as_ref().filter(|own| **own != header.collector_name) {
            return Err(IngestError::Renamed { shipped: header.collector_name, own: own.clone() });
        }
        let ack = |duplicate, mark| {
            let counter = if duplicate { &self.duplicates } else { &self.batches };
            counter.fetch_add(1, Ordering::Relaxed);
            if header.sequence < mark {
                tracing::warn!(
                    collector.id = %header.collector, collector.name = header.collector_name, batch.sequence = header.sequence, collector.mark = mark,
                    "a batch is far below its collector's newest committed batch (the mark) and counts as a duplicate: if the collector \
                     logs that it never shipped the mark, lower the mark (pganalytics collector reset-mark)"
                );
            }
            Ack { collector: header.collector, sequence: header.sequence, duplicate, rows: rows(&header), mark, unknown: Vec::new() }
        };
        if header.sequence <= standing.mark {
            return Ok(ack(true, standing.mark));
        }
        let highest = if standing.mark == 0 { FIRST } else { standing.mark.saturating_add(LEAP) };
        if header.sequence > highest {
            return Err(IngestError::Leap { collector: header.collector, sequence: header.sequence, mark: standing.mark });
        }
        let room = self.hot_memory.take(bytes(&header)).await?;
        let permit = Arc::clone(&self.decoders).acquire_owned().await.map_err(|_| closed())?;
        let received_us = self.received(sender, &header, arrived).await?;
        let waited_us = sender.waited_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000));
        let times = Times { received_us, created_us: header.created_us, sent_at_us: sender.sent_at_us, waited_us };
        let mut prepared = if body.len() < INLINE_BYTES {
            prepare(&body, &times, &limits, &self.shapes)?
        } else {
            let shapes = Arc::clone(&self.shapes);
            tokio::task::spawn_blocking(move || prepare(&body, &times, &limits, &shapes))
                .await
                .context("cannot decode the batch")
                .map_err(IngestError::Store)??
        };
        drop(permit);
        prepared.progress.skew_us = clock::skew_us(sender.sent_at_us, header.created_us, received_us);
        // Both times come from the collector's clock, so an error of that clock cancels out.
        let lag_us = waited_us.or_else(|| sender.sent_at_us.map(|sent| sent.saturating_sub(header.created_us)));
        prepared.progress.lag_ms = lag_us.map(|lag| (lag / 1_000).max(0));
        prepared.progress.token = sender.token;
        let unknown = prepared.unknown.iter().map(ToString::to_string).collect();
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { prepared, room, answer }).await.map_err(|_| closed())?;
        match answered.await {
            Ok(Ok(true)) => Ok(Ack { unknown, ..ack(false, header.sequence) }),
            Ok(Ok(false)) => Ok(ack(true, self.standing(header.collector).await?.mark.max(header.sequence))),
            Ok(Err(failure)) => Err(failure.into()),
            Err(_) => Err(closed()),
        }
    }

    /// When the batch arrived. If the collector's clock and this backend's differ, the store's clock decides, which is the same for all backends.
    async fn received(&self, sender: &Sender, header: &Header, arrived: DateTime<Utc>) -> Result<i64, IngestError> {
        let local = arrived.timestamp_micros();
        let newest = header.frames.iter().map(|frame| frame.max_ts_us).max().unwrap_or(local);
        let differs = clock::skew_us(sender.sent_at_us, header.created_us, local).is_some_and(clock::is_marked)
            || clock::is_marked(newest.saturating_sub(local).max(0));
        if !differs {
            return Ok(local);
        }
        let (now, waited) = (self.meta.now().await, Utc::now() - arrived);
        let now = now.context("ask for the time").map_err(IngestError::Store)?;
        Ok((now - waited.max(TimeDelta::zero())).timestamp_micros())
    }

    async fn standing(&self, collector: Uuid) -> Result<Standing, IngestError> {
        self.meta.standing(collector).await.context("cannot read the collector's state").map_err(IngestError::Store)
    }
}

fn closed() -> IngestError {
    IngestError::Store(anyhow::anyhow!("the lake is closing"))
}
