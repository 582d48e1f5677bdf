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

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use chrono::Utc;
use pganalytics_views::wire::{Limits, WireError, decode_header};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use uuid::Uuid;

use crate::follow::{Follower, next_version};
use crate::meta::database::statement;
use crate::meta::{Meta, explain, micros};
use crate::rows::{Hot, Prepared, bytes, prepare, rows};
use crate::shape::Shapes;
use crate::snapshot::{Change, Present, Room};

/// Batches in one commit; beyond, the fsync no longer weighs anything.
const GROUP_BATCHES: usize = 256;
/// Bytes in one commit, so that one transaction does not fill the write-ahead log.
const GROUP_BYTES: usize = 64 << 20;
/// Batches that may wait for the writer; senders beyond wait themselves.
const QUEUE: usize = 1_024;
/// Batches decoded at once: each may take [`Limits::decoded`] bytes while it is.
const DECODERS: usize = 4;
/// From this size on a batch is decoded on a thread of its own, so that no other task waits.
const INLINE_BYTES: usize = 32 << 10;
/// How long a batch waits for room: a collector waits three times as long for its answer, and a compaction takes seconds.
const ROOM: Duration = Duration::from_secs(10);

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

/// Why a batch was not taken. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bytes are no batch, or over a limit: they will never be taken.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The rows contradict what every batch promises: they will never be taken.
    #[error("view '{view}': {problem}")]
    Rows { view: String, problem: String },
    /// A view this backend does not know (yet).
    #[error("view '{view}' is unknown here: upgrade the backend, or give it the same folder of views as collector '{collector}'")]
    UnknownView { view: String, collector: String },
    /// A column this backend does not know (yet), or knows with another type.
    #[error("view '{view}': column '{column}' {problem}: upgrade the backend, or give it the same folder of views as the collector")]
    UnknownColumn { view: String, column: String, problem: String },
    /// The store could not take it now: try again later.
    #[error("store the batch: {0:#}")]
    Store(anyhow::Error),
}

/// The way in.
#[derive(Debug)]
pub(crate) struct Intake {
    queue: mpsc::Sender<Waiting>,
    decoders: Arc<Semaphore>,
    shapes: Arc<Shapes>,
    present: Arc<Present>,
    /// Bytes of hot rows.
    limit: u64,
    /// Asks for compaction before its time.
    early: Arc<Notify>,
    marks: Arc<Marks>,
    pub(crate) batches: AtomicU64,
    pub(crate) duplicates: AtomicU64,
}

/// Each collector's high-water mark, so that most replays are seen without decoding or asking the store. Raised after the rows are
/// visible, never before.
#[derive(Debug, Default)]
struct Marks(RwLock<HashMap<Uuid, u64>>);

impl Marks {
    fn has(&self, collector: Uuid, sequence: u64) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&collector).is_some_and(|mark| sequence <= *mark)
    }

    fn raise(&self, collector: Uuid, sequence: u64) {
        let mut marks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mark = marks.entry(collector).or_default();
        *mark = sequence.max(*mark);
    }
}

#[derive(Debug)]
struct Waiting {
    body: Bytes,
    prepared: Prepared,
    sequence: u64,
    /// Held until the rows are counted as hot.
    room: Room,
    /// Whether it was new; or why the store did not take it.
    answer: oneshot::Sender<Result<bool, String>>,
}

/// What the writer task works on.
struct Writer {
    meta: Meta,
    follower: Arc<Follower>,
    marks: Arc<Marks>,
}

impl Intake {
    /// Starts the writer task, which ends when the intake is dropped. `keep` is held until then.
    pub(crate) async fn start(
        meta: Meta,
        shapes: Arc<Shapes>,
        present: Arc<Present>,
        follower: Arc<Follower>,
        (limit, early): (u64, Arc<Notify>),
        keep: impl Send + 'static,
    ) -> anyhow::Result<(Self, tokio::task::JoinHandle<()>)> {
        let marks = Marks::default();
        for collector in meta.collectors().await? {
            marks.raise(collector.id, collector.sequence);
        }
        let marks = Arc::new(marks);
        let (queue, waiting) = mpsc::channel(QUEUE);
        let writer = Writer { meta, follower, marks: Arc::clone(&marks) };
        let task = tokio::spawn(async move {
            writer.run(waiting).await;
            drop(keep);
        });
        let decoders = Arc::new(Semaphore::new(DECODERS));
        Ok((
            Self { queue, decoders, shapes, present, limit, early, marks, batches: AtomicU64::new(0), duplicates: AtomicU64::new(0) },
            task,
        ))
    }

    pub(crate) async fn ingest(&self, body: Bytes) -> Result<Ack, IngestError> {
        let limits = Limits::default();
        let header = decode_header(&body, &limits)?;
        let ack = |duplicate| {
            let counter = if duplicate { &self.duplicates } else { &self.batches };
            counter.fetch_add(1, Ordering::Relaxed);
            Ack { collector: header.collector, sequence: header.sequence, duplicate, rows: rows(&header) }
        };
        if self.marks.has(header.collector, header.sequence) {
            return Ok(ack(true));
        }
        let room = tokio::time::timeout(ROOM, self.present.room(bytes(&header), self.limit, &self.early)).await.map_err(|_| {
            let (hot, limit) = (self.present.hot_bytes(), self.limit);
            IngestError::Store(anyhow::anyhow!(
                "{hot} bytes of rows wait for compaction, {limit} may (--hot-memory): see the log for why compaction fails or is slow"
            ))
        })?;
        let permit = Arc::clone(&self.decoders).acquire_owned().await.map_err(|_| closed())?;
        let prepared = if body.len() < INLINE_BYTES {
            prepare(&body, &limits, &self.shapes)?
        } else {
            let (body, shapes) = (body.clone(), Arc::clone(&self.shapes));
            tokio::task::spawn_blocking(move || prepare(&body, &limits, &shapes))
                .await
                .context("decode the batch")
                .map_err(IngestError::Store)??
        };
        drop(permit);
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { body, prepared, sequence: header.sequence, room, answer }).await.map_err(|_| closed())?;
        match answered.await {
            Ok(Ok(new)) => Ok(ack(!new)),
            Ok(Err(problem)) => Err(IngestError::Store(anyhow::anyhow!(problem))),
            Err(_) => Err(closed()),
        }
    }
}

fn closed() -> IngestError {
    IngestError::Store(anyhow::anyhow!("the lake is closing"))
}

impl Writer {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        while let Some(first) = waiting.recv().await {
            let mut bytes = first.body.len();
            let mut group = vec![first];
            while group.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
                let Ok(next) = waiting.try_recv() else { break };
                bytes += next.body.len();
                group.push(next);
            }
            match self.commit(&group).await {
                Ok((version, ids)) => self.publish(group, version, ids).await,
                Err(error) => {
                    let problem = format!("{:#}", explain(error));
                    for batch in group {
                        // A caller that has gone away asks again.
                        let _ = batch.answer.send(Err(problem.clone()));
                    }
                }
            }
        }
    }

    /// One transaction for all: its version, and the id of each batch, 0 for one without rows, none for a duplicate.
    async fn commit(&self, group: &[Waiting]) -> Result<(i64, Vec<Option<i64>>), sqlx::Error> {
        let now = Utc::now();
        let mut transaction = self.meta.database().begin().await?;
        // First, so that replicas wait for each other here and nowhere else: no two can wait for each other's rows.
        let version = next_version(&mut transaction).await?;
        let mut ids = Vec::with_capacity(group.len());
        for batch in group {
            if !batch.prepared.progress.record(&mut transaction, now).await? {
                ids.push(None);
                continue;
            }
            for sighting in &batch.prepared.sightings {
                sighting.record(&mut transaction).await?;
            }
            if batch.prepared.hot.is_empty() {
                ids.push(Some(0));
                continue;
            }
            let insert = statement("insert into batches (version, received, body) values ($1, $2, $3) returning id");
            let (id,): (i64,) = transaction.one(insert.bind(version).bind(micros(now)).bind(batch.body.clone())).await?;
            ids.push(Some(id));
        }
        transaction.commit().await?;
        Ok((version, ids))
    }

    async fn publish(&self, group: Vec<Waiting>, version: i64, ids: Vec<Option<i64>>) {
        let mut visible = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        let mut rooms = Vec::with_capacity(group.len());
        for (batch, id) in group.into_iter().zip(ids) {
            answers.push((batch.answer, batch.prepared.progress.id, batch.sequence, id.is_some()));
            rooms.push(batch.room);
            if let Some(id) = id {
                visible.push(named(batch.prepared, id));
            }
        }
        if let Err(error) = self.follower.publish(version, Change { batches: visible, ..Change::default() }).await {
            // It is committed, and a query looks again before it answers.
            tracing::warn!(error = format!("{error:#}"), "show what other replicas took before this batch");
        }
        drop(rooms);
        for (answer, collector, sequence, new) in answers {
            self.marks.raise(collector, sequence);
            let _ = answer.send(Ok(new));
        }
    }
}

fn named(prepared: Prepared, id: i64) -> Vec<(String, Hot)> {
    prepared.hot.into_iter().map(|(shape, hot)| (shape.name().to_owned(), Hot { batch: id, ..hot })).collect()
}

/// A stored batch's rows. One of a view that is no longer known loses that view's rows, and the log says so.
///
/// # Errors
/// When the batch is damaged.
pub(crate) fn decode_known(id: i64, body: &[u8], shapes: &Shapes) -> anyhow::Result<Vec<(String, Hot)>> {
    let batch = pganalytics_views::wire::decode(body, &Limits::default())?;
    let mut hot = Vec::new();
    for (view, rows) in &batch.frames {
        let shaped = match shapes.collected(view) {
            Some(shape) => crate::rows::shaped(shape, rows),
            None => Err(IngestError::UnknownView { view: view.clone(), collector: batch.header.collector_name.clone() }),
        };
        match shaped {
            Ok(rows) => hot.push((view.clone(), Hot { batch: id, ..rows })),
            Err(error) => tracing::warn!(batch.id = id, batch.rows = rows.num_rows(), error = %error, "leave out rows of a stored batch"),
        }
    }
    Ok(hot)
}
