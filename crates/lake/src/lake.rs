//! The lake itself: opened once, shared by cloning.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use pganalytics_views::ViewSet;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::catalog;
use crate::compaction::Compactor;
use crate::fleet::{self, Sums};
use crate::ingest::{Ack, IngestError, Intake, reload};
use crate::meta::Meta;
use crate::options::LakeOptions;
use crate::query::{Answer, Query, QueryError};
use crate::retention::{self, Retention, RetentionError, RetentionSetting};
use crate::scan::Files;
use crate::shape::Shapes;
use crate::snapshot::Present;
use crate::sql::Engine;
use crate::stats::{Compaction, Expiry, Stats};

/// The file whose lock says that a process has the folder open.
const LOCK: &str = "lock";
/// How much longer than a query's deadline a replaced file is kept.
const GRACE_FACTOR: u32 = 2;

/// The history and its SQL. Clones share one lake.
#[derive(Debug, Clone)]
pub struct Lake(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: LakeOptions,
    meta: Meta,
    shapes: Arc<Shapes>,
    present: Arc<Present>,
    /// None once closed.
    intake: std::sync::RwLock<Option<Arc<Intake>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    compactor: Compactor,
    engine: Arc<Engine>,
    /// Compaction is wanted before its time.
    early: Arc<Notify>,
    _lock: Arc<File>,
}

impl Lake {
    /// Opens the data folder, or makes one.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it open, or its content is damaged or newer.
    pub async fn open(options: LakeOptions) -> anyhow::Result<Self> {
        create(&options.folder)?;
        let lock = Arc::new(lock(&options.folder)?);
        let meta = Meta::open(&options.folder).await?;
        let shapes = Arc::new(Shapes::new(&options.views));
        let present = Arc::new(Present::default());

        // Nothing reads yet, so what was retired can go at once.
        catalog::delete(&meta, &options.folder, &catalog::retired(&meta, DateTime::<Utc>::MAX_UTC).await?).await?;
        let live = catalog::live(&meta).await?;
        let last_id = catalog::last_id(&meta).await?;
        // An orphan's rows are still hot batches, so a collector is known. Without one, these files belong to another meta.db.
        let is_new = last_id == 0 && meta.collectors().await?.is_empty();
        let last_id = AtomicI64::new(last_id);
        let (folder, live) = (options.folder.clone(), live);
        let swept = tokio::task::spawn_blocking(move || catalog::sweep(&folder, &live, is_new).map(|swept| (swept, live)));
        let (swept, live) = swept.await.context("look through the files")??;
        for damage in &swept.damaged {
            tracing::error!(damage, "a file of the history is missing or damaged; queries that need it will fail");
        }
        let files = live.len();
        present.change(crate::snapshot::Change { added: live, ..Default::default() });
        let batches = reload(&meta, &shapes, &present).await?;
        tracing::info!(lake.folder = %options.folder.display(), lake.files = files, lake.hot_batches = batches, lake.orphans = swept.orphans, "opened");

        let early = Arc::new(Notify::new());
        let (intake, writer) =
            Intake::start(meta.clone(), Arc::clone(&shapes), Arc::clone(&present), Arc::clone(&early), Arc::clone(&lock)).await?;
        let files = Files::open(&options.folder)?;
        let compactor = Compactor {
            folder: options.folder.clone(),
            meta: meta.clone(),
            shapes: Arc::clone(&shapes),
            present: Arc::clone(&present),
            files: files.clone(),
            last_id,
            turn: Mutex::new(()),
        };
        note_fleet(&shapes, &present, &files, Utc::now()).await;
        let engine = Arc::new(Engine::new(&options, Arc::clone(&shapes), Arc::clone(&present), files)?);
        Ok(Self(Arc::new(Inner {
            options,
            meta,
            shapes,
            present,
            intake: std::sync::RwLock::new(Some(Arc::new(intake))),
            writer: Mutex::new(Some(writer)),
            compactor,
            engine,
            early,
            _lock: lock,
        })))
    }

    /// Takes a batch. `Ok` means it is on disk and visible to SQL.
    ///
    /// # Errors
    /// See [`IngestError`]; then nothing of the batch was taken.
    pub async fn ingest(&self, body: Bytes) -> Result<Ack, IngestError> {
        match self.intake() {
            Some(intake) => intake.ingest(body).await,
            None => Err(IngestError::Store(anyhow::anyhow!("the lake is closed"))),
        }
    }

    /// The tables.
    #[must_use]
    pub fn views(&self) -> &ViewSet {
        &self.0.options.views
    }

    /// What it was opened with.
    #[must_use]
    pub fn options(&self) -> &LakeOptions {
        &self.0.options
    }

    /// Users, sessions, tokens, collectors, servers.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }

    /// Answers a question.
    ///
    /// # Errors
    /// See [`crate::QueryErrorKind`].
    pub async fn query(&self, request: Query) -> Result<Answer, QueryError> {
        self.0.engine.answer(request).await
    }

    /// Turns hot rows into Parquet, and small files into larger ones.
    ///
    /// # Errors
    /// When a file or the store fails; what was done so far stands, and nothing is lost.
    pub async fn compact(&self) -> anyhow::Result<Compaction> {
        self.compact_at(Utc::now()).await
    }

    /// [`Lake::compact`] as of a moment, which decides what days are over.
    ///
    /// # Errors
    /// As of [`Lake::compact`].
    pub async fn compact_at(&self, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        self.0.compactor.compact(now).await
    }

    /// How long each table's history is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn retention(&self) -> anyhow::Result<Retention> {
        retention::retention(&self.0.meta, self.0.options.retention).await
    }

    /// Changes how long history is kept, from the next run on and in every backend.
    ///
    /// # Errors
    /// When a table is unknown, days are none, or the store fails; then nothing changed.
    pub async fn set_retention(&self, setting: &RetentionSetting, now: DateTime<Utc>) -> Result<(), RetentionError> {
        retention::set(&self.0.meta, &self.0.shapes, setting, now).await
    }

    /// Removes the days that are older than the retention.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire(&self, now: DateTime<Utc>) -> anyhow::Result<Expiry> {
        retention::expire(&self.0.compactor, self.0.options.retention, now).await
    }

    /// Deletes files that were replaced so long ago that no query reads them.
    ///
    /// # Errors
    /// When a file cannot be deleted, or the store fails.
    pub async fn remove_replaced(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let grace = TimeDelta::from_std(self.0.options.query_deadline * GRACE_FACTOR).unwrap_or(TimeDelta::MAX);
        let Some(before) = now.checked_sub_signed(grace) else { return Ok(0) };
        let files = catalog::retired(&self.0.meta, before).await?;
        catalog::delete(&self.0.meta, &self.0.options.folder, &files).await?;
        Ok(files.len() as u64)
    }

    /// Compaction, retention and the removal of replaced files, until stopped. A step that fails is logged and tried again next time.
    pub async fn run(&self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(self.0.options.compact_every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
                () = self.0.early.notified() => {}
            }
            // Not within the select: a step that has begun is finished, and the next start need not clean up.
            self.work().await;
        }
    }

    async fn work(&self) {
        let began = std::time::Instant::now();
        match self.compact().await {
            Ok(done) if done == Compaction::default() => {}
            Ok(done) => tracing::info!(
                compaction.duration_ms = began.elapsed().as_millis(),
                compaction.batches = done.batches,
                compaction.rows = done.rows,
                compaction.files = done.files,
                compaction.bytes = done.bytes,
                compaction.merged = done.merged,
                "compacted"
            ),
            Err(error) => tracing::error!(error = format!("{error:#}"), "compact"),
        }
        let now = Utc::now();
        match self.expire(now).await {
            Ok(done) if done == Expiry::default() => {}
            Ok(done) => tracing::info!(expiry.files = done.files, expiry.rows = done.rows, expiry.bytes = done.bytes, "expired"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "remove what is older than the retention"),
        }
        if let Err(error) = self.remove_replaced(now).await {
            tracing::error!(error = format!("{error:#}"), "delete replaced files");
        }
        if let Err(error) = self.0.meta.delete_expired_sessions(now).await {
            tracing::error!(error = format!("{error:#}"), "forget expired sessions");
        }
    }

    /// Figures for `/metrics`.
    pub async fn stats(&self) -> Stats {
        let mut stats = self.0.present.stats(self.0.shapes.iter().map(|shape| shape.name().to_owned()));
        if let Some(intake) = self.intake() {
            stats.batches = intake.batches.load(Ordering::Relaxed);
            stats.duplicates = intake.duplicates.load(Ordering::Relaxed);
        }
        stats.queries = self.0.engine.queries.load(Ordering::Relaxed);
        stats.failed_queries = self.0.engine.failed.load(Ordering::Relaxed);
        stats.running_queries = self.0.engine.running();
        stats
    }

    /// Readiness: the meta store answers, and the folder can be written.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.0.meta.check().await?;
        let probe = self.0.options.folder.join(catalog::FOLDER).join(format!("ready.{}", catalog::UNFINISHED));
        let written = async {
            tokio::fs::write(&probe, b"ready").await?;
            tokio::fs::remove_file(&probe).await
        };
        written.await.with_context(|| format!("write to {}; free space there, or make it writable", probe.display()))
    }

    /// Waits for what is being written, then lets go of the store. Later calls fail.
    pub async fn close(&self) {
        self.0.intake.write().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(writer) = self.0.writer.lock().await.take()
            && let Err(error) = writer.await
        {
            tracing::error!(error = %error, "the writer broke off");
        }
        let _turn = self.0.compactor.turn.lock().await;
        self.0.meta.close().await;
    }

    fn intake(&self) -> Option<Arc<Intake>> {
        self.0.intake.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Fills the fleet's tables from the newest files. What cannot be read is missing there until it comes anew, and does not keep the lake closed.
async fn note_fleet(shapes: &Shapes, present: &Present, files: &Files, now: DateTime<Utc>) {
    for (view, back) in fleet::NOTED {
        let Some(shape) = shapes.get(view) else { continue };
        let since = now.timestamp_micros() - back;
        let newest: Vec<_> = present.contents(view).files.iter().filter(|file| file.extent.max_ts >= since).cloned().collect();
        if newest.is_empty() {
            continue;
        }
        let noted = async {
            let mut rows = files.since(shape, &newest, since)?;
            let mut sums = Sums::default();
            while let Some(batch) = rows.next().await {
                present.gather(view, &batch?, &mut sums);
                // Rows come by server, so all but the last server's are there.
                let last = sums.last_key_value().map(|(server, _)| server.clone());
                let open = last.map(|last| sums.split_off(&last)).unwrap_or_default();
                present.add(view, std::mem::replace(&mut sums, open));
            }
            present.add(view, sums);
            anyhow::Ok(())
        };
        if let Err(error) = noted.await {
            tracing::error!(view, error = format!("{error:#}"), "read the newest rows for the fleet's tables");
        }
    }
}

/// Makes the folder, for its owner only: it holds password hashes and what statements look like.
fn create(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    for folder in [folder.to_path_buf(), folder.join(catalog::FOLDER)] {
        builder
            .create(&folder)
            .with_context(|| format!("create the data folder {}; name one that this user may write", folder.display()))?;
    }
    Ok(())
}

fn lock(folder: &Path) -> anyhow::Result<File> {
    let path: PathBuf = folder.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("the data folder {} is open in another process; stop it, or name another folder", folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
    }
}
