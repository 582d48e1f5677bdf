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
use super::marks::Marks;
use super::prepare::{bytes, prepare, rows};
use super::room::HotMemory;
use super::skew::Skewed;
use super::writer::{Waiting, Writer};
use crate::meta::Meta;
use crate::model::Shapes;
use crate::present::Follower;

/// Batches that may wait for the writer; senders beyond wait themselves.
const QUEUE: usize = 1_024;
/// Batches decoded at once: each may take [`Limits::decoded`] bytes while it is.
const DECODERS: usize = 4;
/// From this size on a batch is decoded on a thread of its own, so that no other task waits.
const INLINE_BYTES: usize = 32 << 10;

/// A batch is committed and visible (or was before).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    pub collector: Uuid,
    pub sequence: u64,
    /// The batch had been committed before; nothing changed.
    pub duplicate: bool,
    /// Rows in the batch.
    pub rows: u64,
}

/// What the request around a batch told.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// The only collector whose batches it may bring; any where none is named.
    pub only: Option<Uuid>,
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
    marks: Arc<Marks>,
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
        let marks = Marks::default();
        let skewed = Skewed::default();
        for (collector, _) in meta.all_collectors().await? {
            marks.raise(collector.id, collector.sequence);
            skewed.know(collector.id, collector.skew_us);
        }
        let marks = Arc::new(marks);
        let (queue, waiting) = mpsc::channel(QUEUE);
        let writer = Writer { meta: meta.clone(), follower, marks: Arc::clone(&marks), skewed };
        let task = tokio::spawn(async move {
            writer.run(waiting).await;
            drop(keep);
        });
        let decoders = Arc::new(Semaphore::new(DECODERS));
        let (batches, duplicates) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok((Self { meta, queue, decoders, shapes, hot_memory, marks, batches, duplicates }, task))
    }

    pub(crate) async fn ingest(&self, sender: &Sender, body: Bytes) -> Result<Ack, IngestError> {
        let limits = Limits::default();
        let header = decode_header(&body, &limits)?;
        match sender.only {
            // Whether that one is revoked was seen when its credential was.
            Some(own) if own != header.collector => return Err(IngestError::Foreign { shipped: header.collector, own }),
            Some(_) => {}
            None => {
                let revoked = self.meta.is_revoked(header.collector).await.context("ask for the collector").map_err(IngestError::Store)?;
                if revoked {
                    return Err(IngestError::Revoked(header.collector));
                }
            }
        }
        if let Some(own) = sender.name.as_ref().filter(|own| **own != header.collector_name) {
            return Err(IngestError::Renamed { shipped: header.collector_name, own: own.clone() });
        }
        let ack = |duplicate| {
            let counter = if duplicate { &self.duplicates } else { &self.batches };
            counter.fetch_add(1, Ordering::Relaxed);
            Ack { collector: header.collector, sequence: header.sequence, duplicate, rows: rows(&header) }
        };
        if self.marks.has(header.collector, header.sequence) {
            return Ok(ack(true));
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
        self.queue.send(Waiting { body, prepared, sequence: header.sequence, room, answer }).await.map_err(|_| closed())?;
        match answered.await {
            Ok(Ok(new)) => Ok(ack(!new)),
            Ok(Err(failure)) => Err(failure.into()),
            Err(_) => Err(closed()),
        }
    }
}

fn closed() -> IngestError {
    IngestError::Store(anyhow::anyhow!("the lake is closing"))
}
