//! Ingest: a batch's bytes in, an acknowledgement out.
//!
//! # Promise
//! `Ok` means that the batch is durably committed and visible to SQL, on whichever replica; an error means that nothing of it was taken.
//! A batch at or below its collector's high-water mark is a duplicate and changes nothing.
//!
//! # How
//! Where hot rows fill their memory, a batch waits until compaction has made room, and so the collectors are slowed to its pace. Then
//! the batch is decoded and checked whole, outside any transaction. Then it goes to the one writer task, which commits whatever waits
//! at that moment in one transaction (so one fsync serves all collectors that ship at once), publishes the rows, and only then answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use chrono::Utc;
use pganalytics_views::clock;
use pganalytics_views::wire::{Limits, decode_header};
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;

use super::error::IngestError;
use super::prepare::{bytes, prepare, rows};
use super::room::HotMemory;
use super::skew::Skewed;
use super::writer::{Waiting, Writer};
use crate::meta::{Meta, Standing};
use crate::model::Shapes;
use crate::present::Follower;

/// Batches that may wait for the writer; senders beyond wait themselves.
const QUEUE: usize = 1_024;
/// Batches decoded at once: each may take [`Limits::decoded`] bytes while it is.
const DECODERS: usize = 4;
/// From this size on a batch is decoded on a thread of its own, so that no other task waits.
const INLINE_BYTES: usize = 32 << 10;

/// The furthest that one batch may move its collector's mark. A spool uses up at most two thousand numbers at a restart, and one for each
/// batch that it drops: this is more than 50,000 restarts without an acknowledged batch. A larger step comes from somebody else.
const LEAP: u64 = 100_000_000;
/// The highest number of a collector's first batch: a collector may ship to another backend for years before it ships here.
const FIRST: u64 = 1 << 40;

/// A batch is committed and visible (or was before).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    pub collector: Uuid,
    pub sequence: u64,
    /// The batch had been committed before; nothing changed.
    pub duplicate: bool,
    /// Rows in the batch.
    pub rows: u64,
    /// Every batch of the collector up to this one is committed.
    pub mark: u64,
}

/// What the request around a batch told.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// The only collector whose batches it may bring; any where none is named.
    pub only: Option<Uuid>,
    /// Whether other collectors may have the same token. Such a token is refused for a collector that has a credential of its own.
    pub is_shared: bool,
    /// The only name that its batches may give their collector; any where none is said.
    pub name: Option<String>,
    /// When it was sent, microseconds by the collector's clock.
    pub sent_at_us: Option<i64>,
}

/// The way in.
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
        let writer = Writer { meta: meta.clone(), follower, skewed };
        let task = tokio::spawn(async move {
            writer.run(waiting).await;
            drop(keep);
        });
        let decoders = Arc::new(Semaphore::new(DECODERS));
        let (batches, duplicates) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok((Self { meta, queue, decoders, shapes, hot_memory, batches, duplicates }, task))
    }

    pub(crate) async fn ingest(&self, sender: &Sender, body: Bytes) -> Result<Ack, IngestError> {
        let limits = Limits::default();
        let header = decode_header(&body, &limits)?;
        if let Some(own) = sender.only.filter(|own| *own != header.collector) {
            return Err(IngestError::Foreign { shipped: header.collector, own });
        }
        let standing = self.standing(header.collector).await?;
        if standing.is_revoked {
            return Err(IngestError::Revoked(header.collector));
        }
        if sender.is_shared && standing.is_enrolled {
            return Err(IngestError::Enrolled(header.collector));
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
                    "a batch is far behind its collector's mark and counts as a duplicate: where the collector says that it never shipped the \
                     mark, set the mark back (pganalytics collector reset-mark)"
                );
            }
            Ack { collector: header.collector, sequence: header.sequence, duplicate, rows: rows(&header), mark }
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
        let mut prepared = if body.len() < INLINE_BYTES {
            prepare(&body, &limits, &self.shapes)?
        } else {
            let (body, shapes) = (body.clone(), Arc::clone(&self.shapes));
            tokio::task::spawn_blocking(move || prepare(&body, &limits, &shapes))
                .await
                .context("decode the batch")
                .map_err(IngestError::Store)??
        };
        drop(permit);
        prepared.progress.skew_us = clock::skew_us(sender.sent_at_us, header.created_us, Utc::now().timestamp_micros());
        // Both times are the collector's, so its clock may be as wrong as it likes.
        prepared.progress.lag_ms = sender.sent_at_us.map(|sent| (sent.saturating_sub(header.created_us) / 1_000).max(0));
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { body, prepared, room, answer }).await.map_err(|_| closed())?;
        match answered.await {
            Ok(Ok(true)) => Ok(ack(false, header.sequence)),
            Ok(Ok(false)) => Ok(ack(true, self.standing(header.collector).await?.mark.max(header.sequence))),
            Ok(Err(failure)) => Err(failure.into()),
            Err(_) => Err(closed()),
        }
    }

    async fn standing(&self, collector: Uuid) -> Result<Standing, IngestError> {
        self.meta.standing(collector).await.context("ask for the collector").map_err(IngestError::Store)
    }
}

fn closed() -> IngestError {
    IngestError::Store(anyhow::anyhow!("the lake is closing"))
}
