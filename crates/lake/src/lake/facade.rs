//! The lake: opened once, shared by cloning.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use pganalytics_views::ViewSet;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::maintain::{Retention, RetentionError, RetentionSetting, Upkeep};
use crate::meta::Meta;
use crate::model::{Compaction, Expiry, Shapes, Stats};
use crate::options::LakeOptions;
use crate::present::Present;
use crate::query::{Answer, Engine, Query, QueryError};
use crate::store::{Store, UNFINISHED};
use crate::write::{Ack, IngestError, Intake, Sender};

/// The history and its SQL. Clones share one lake.
#[derive(Debug, Clone)]
pub struct Lake(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) options: LakeOptions,
    pub(super) meta: Meta,
    pub(super) store: Store,
    pub(super) shapes: Arc<Shapes>,
    pub(super) present: Arc<Present>,
    /// `None` after close.
    pub(super) intake: RwLock<Option<Arc<Intake>>>,
    pub(super) writer: Mutex<Option<JoinHandle<()>>>,
    pub(super) upkeep: Upkeep,
    pub(super) engine: Arc<Engine>,
    pub(super) _lock: Arc<File>,
}

impl Lake {
    /// Stores a batch. `Ok` means that the batch is durable and visible to SQL.
    ///
    /// # Errors
    /// See [`IngestError`]. After an error nothing of the batch is stored.
    pub async fn ingest(&self, body: Bytes) -> Result<Ack, IngestError> {
        self.ingest_from(&Sender::default(), body).await
    }

    /// Stores a batch, with facts about the request.
    ///
    /// # Errors
    /// See [`IngestError`]. After an error nothing of the batch is stored.
    pub async fn ingest_from(&self, sender: &Sender, body: Bytes) -> Result<Ack, IngestError> {
        match self.intake() {
            Some(intake) => intake.ingest(sender, body).await,
            None => Err(IngestError::Store(anyhow::anyhow!("the lake is closed"))),
        }
    }

    /// The tables.
    #[must_use]
    pub fn views(&self) -> &ViewSet {
        &self.0.options.views
    }

    /// The options that it was opened with.
    #[must_use]
    pub fn options(&self) -> &LakeOptions {
        &self.0.options
    }

    /// Users, sessions, tokens, collectors, servers.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }

    /// Runs a query.
    ///
    /// # Errors
    /// See [`crate::QueryErrorKind`].
    pub async fn query(&self, request: Query) -> Result<Answer, QueryError> {
        self.0.engine.answer(request).await
    }

    /// Writes hot rows to Parquet files, and merges small files.
    ///
    /// # Errors
    /// If a file or the store fails, or another replica holds the lease. Completed steps stay; nothing is lost.
    pub async fn compact(&self) -> anyhow::Result<Compaction> {
        self.compact_at(self.0.meta.now().await?).await
    }

    /// [`Lake::compact`] at a given time, which decides which days are over.
    ///
    /// # Errors
    /// As for [`Lake::compact`].
    pub async fn compact_at(&self, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        self.0.upkeep.compact(now).await
    }

    /// How long each table's history is kept.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn retention(&self) -> anyhow::Result<Retention> {
        self.0.upkeep.retention().await
    }

    /// Changes how long history is kept. Every backend follows at its next run.
    ///
    /// # Errors
    /// If a table is unknown, a number of days is invalid, or the store fails. After an error nothing has changed.
    pub async fn set_retention(&self, setting: &RetentionSetting, now: DateTime<Utc>) -> Result<(), RetentionError> {
        self.0.upkeep.set_retention(setting, now).await
    }

    /// Removes days that are older than the retention.
    ///
    /// # Errors
    /// If the store fails, or another replica holds the lease.
    pub async fn expire(&self, now: DateTime<Utc>) -> anyhow::Result<Expiry> {
        self.0.upkeep.expire(now).await
    }

    /// Deletes retired files that no query can read any more.
    ///
    /// # Errors
    /// If a file cannot be deleted, or the store fails.
    pub async fn remove_replaced(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        self.0.upkeep.remove_replaced(now).await
    }

    /// Deletes orphans of crashes in a shared store. In a store of one process the next start does that.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn remove_orphans(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        self.0.upkeep.remove_orphans(now).await
    }

    /// Follows the other replicas until stopped. While this replica holds the lease, also compacts, applies the retention and deletes retired
    /// files. A step that fails is logged and retried at its next turn.
    pub async fn run(&self, stop: CancellationToken) {
        self.0.upkeep.run(&stop).await;
    }

    /// Figures for `/metrics`.
    pub async fn stats(&self) -> Stats {
        let mut stats = self.0.present.stats(self.0.shapes.iter().map(|shape| shape.name().to_owned()));
        if let Some(intake) = self.intake() {
            stats.batches = intake.batches.load(Ordering::Relaxed);
            stats.duplicates = intake.duplicates.load(Ordering::Relaxed);
        }
        stats.damaged_files = self.0.upkeep.compactor.damaged.count();
        stats.queries = self.0.engine.queries.load(Ordering::Relaxed);
        stats.kept_answers = self.0.engine.kept();
        stats.failed_queries = self.0.engine.failed.load(Ordering::Relaxed);
        stats.running_queries = self.0.engine.running();
        stats.abandoned_queries = self.0.engine.abandoned();
        stats.stuck_queries = self.0.engine.stuck();
        stats
    }

    /// Readiness: the meta store answers, and a local folder of files is writable. An unreachable object store does not make a replica unready,
    /// because ingest works without it.
    ///
    /// # Errors
    /// The problem, with its remedy.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.0.meta.check().await?;
        let Some(root) = self.0.store.root() else { return Ok(()) };
        let probe = root.join(format!("ready-{}.{UNFINISHED}", std::process::id()));
        let written = async {
            tokio::fs::write(&probe, b"ready").await?;
            tokio::fs::remove_file(&probe).await
        };
        written.await.with_context(|| format!("cannot write to {}; free space on its disk, or make it writable", probe.display()))
    }

    /// Waits for running writes, then closes the store. Later calls fail.
    pub async fn close(&self) {
        self.0.intake.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = self.0.writer.lock().await.take()
            && let Err(error) = writer.await
        {
            tracing::error!(error = %error, "the task that writes batches panicked");
        }
        self.0.upkeep.finish_and(self.0.meta.close()).await;
    }

    fn intake(&self) -> Option<Arc<Intake>> {
        self.0.intake.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
