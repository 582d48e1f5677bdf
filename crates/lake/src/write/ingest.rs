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
use pganalytics_views::clock;
use pganalytics_views::wire::{Limits, WireError, decode_header};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use uuid::Uuid;

use crate::decode::shaped::{Hot, Prepared, bytes, prepare, rows};
use crate::meta::database::statement;
use crate::meta::{Meta, Progress, Remedy, micros, remedy};
use crate::model::shape::Shapes;
use crate::present::follow::{Follower, next_version};
use crate::present::snapshot::{Change, Present, Room};
use crate::write::skew::Skewed;

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
/// The longest one commit may take on a shared store: longer than a statement waits for another replica's lock there, and shorter than a collector
/// or a load balancer waits for an answer.
const COMMIT: Duration = Duration::from_secs(15);
/// What to do where rows come in and none go into files.
const COMPACTION_BEHIND: Remedy =
    Remedy("too many rows wait to be written into files (--hot-memory): see the backends' logs for why compaction fails or is slow");
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
    /// Its sender ships for another collector than it may.
    #[error("the batch is of collector {shipped}, and the credential it came with is bound to {own}")]
    Foreign { shipped: Uuid, own: Uuid },
    /// Its sender is bound to another name.
    #[error("the batch names its collector '{shipped}', which was enrolled as '{own}'")]
    Renamed { shipped: String, own: String },
    /// An administrator has shut its collector out.
    #[error("collector {0} was revoked")]
    Revoked(Uuid),
    /// The store could not take it now: try again later.
    #[error("store the batch: {0:#}")]
    Store(anyhow::Error),
}

/// The way in.
#[derive(Debug)]
pub(crate) struct Intake {
    meta: Meta,
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
    answer: oneshot::Sender<Result<bool, Trouble>>,
}

/// Why a whole group of batches was not taken.
#[derive(Debug, Clone)]
struct Trouble {
    problem: String,
    remedy: Option<Remedy>,
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self { remedy: remedy(&error), problem: format!("{:#}", anyhow::Error::new(error)) }
    }
}

impl From<Trouble> for IngestError {
    fn from(Trouble { problem, remedy }: Trouble) -> Self {
        let error = anyhow::anyhow!(problem);
        Self::Store(match remedy {
            Some(remedy) => error.context(remedy),
            None => error,
        })
    }
}

/// What the writer task works on.
struct Writer {
    meta: Meta,
    follower: Arc<Follower>,
    marks: Arc<Marks>,
    skewed: Skewed,
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
        Ok((Self { meta, queue, decoders, shapes, present, limit, early, marks, batches, duplicates }, task))
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
        let room = tokio::time::timeout(ROOM, self.present.room(bytes(&header), self.limit, &self.early)).await.map_err(|_| {
            let (hot, limit) = (self.present.hot_bytes(), self.limit);
            let error = anyhow::anyhow!("{hot} bytes of rows wait for compaction, {limit} may (--hot-memory)");
            IngestError::Store(error.context(COMPACTION_BEHIND))
        })?;
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
            Ok(Err(trouble)) => Err(trouble.into()),
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
            match self.commit_in_time(&group).await {
                Ok((version, ids)) => self.publish(group, version, ids).await,
                Err(error) => {
                    let trouble = Trouble::from(error);
                    for batch in group {
                        // A caller that has gone away asks again.
                        let _ = batch.answer.send(Err(trouble.clone()));
                    }
                }
            }
        }
    }

    /// Where the shared store says nothing, whoever waits is told in time to ask another replica. What was committed all the same is a duplicate then.
    async fn commit_in_time(&self, group: &[Waiting]) -> Result<(i64, Vec<Option<i64>>), sqlx::Error> {
        if !self.meta.database().is_shared() {
            return self.commit(group).await;
        }
        let silent =
            |_| Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer to a commit of batches in time")));
        tokio::time::timeout(COMMIT, self.commit(group)).await.unwrap_or_else(silent)
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
            let Progress { id: collector, ref name, skew_us, .. } = batch.prepared.progress;
            answers.push((batch.answer, collector, batch.sequence, id.is_some()));
            rooms.push(batch.room);
            if let Some(id) = id {
                self.skewed.note(collector, name, skew_us);
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
            Some(shape) => crate::decode::shaped::shaped(shape, rows),
            None => Err(IngestError::UnknownView { view: view.clone(), collector: batch.header.collector_name.clone() }),
        };
        match shaped {
            Ok(rows) => hot.push((view.clone(), Hot { batch: id, ..rows })),
            Err(error) => tracing::warn!(batch.id = id, batch.rows = rows.num_rows(), error = %error, "leave out rows of a stored batch"),
        }
    }
    Ok(hot)
}
