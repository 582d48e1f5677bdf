//! The lake itself: opened once, shared by cloning.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use pganalytics_views::ViewSet;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::catalog::files as catalog;
use crate::catalog::lease::{Fence, Lease};
use crate::maintain::compaction::Compactor;
use crate::maintain::retention::{self, Retention, RetentionError, RetentionSetting};
use crate::maintain::verify::{self, Depth, Verified};
use crate::meta::{Meta, SchemaState};
use crate::model::shape::Shapes;
use crate::model::stats::{Compaction, Expiry, Stats};
use crate::options::LakeOptions;
use crate::parquet::reader::Files;
use crate::present::fleet::{self, Sums};
use crate::present::follow::Follower;
use crate::present::snapshot::Present;
use crate::query::answers::Answers;
use crate::query::engine::Engine;
use crate::query::question::{Answer, Query, QueryError};
use crate::query::spill::Spill;
use crate::store::Store;
use crate::threads::Threads;
use crate::write::ingest::{Ack, IngestError, Intake, Sender};

/// The file whose lock says that a process has the folder open.
const LOCK: &str = "lock";
/// How much longer than a query's deadline a replaced file is kept.
const GRACE_FACTOR: u32 = 2;
/// The part of their memory that hot rows fill before they are written early: what comes while they are written needs room, too.
const EARLY: u64 = 2;
/// How often a shared store is searched for orphans: listing it costs, and they do no harm.
const ORPHANS_EVERY: Duration = Duration::from_secs(6 * 3600);

/// The history and its SQL. Clones share one lake.
#[derive(Debug, Clone)]
pub struct Lake(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: LakeOptions,
    meta: Meta,
    store: Store,
    shapes: Arc<Shapes>,
    present: Arc<Present>,
    follower: Arc<Follower>,
    lease: Lease,
    /// None once closed.
    intake: std::sync::RwLock<Option<Arc<Intake>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    compactor: Compactor,
    engine: Arc<Engine>,
    /// Hot rows are to be written before their time.
    early: Arc<Notify>,
    /// There are new files.
    written: Notify,
    _lock: Arc<File>,
}

impl Lake {
    /// Opens the data folder, or makes one; and the shared store, where one is named.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it open, its content is damaged or newer; when the shared store does not answer,
    /// or is not migrated to this version.
    pub async fn open(options: LakeOptions) -> anyhow::Result<Self> {
        create(&options.folder)?;
        let lock = Arc::new(lock(&options.folder)?);
        let meta = Self::meta_of(&options).await?;
        meta.schema().await?.check()?;
        let store = Store::open(&options.store, &options.folder, &meta).await?;
        let shapes = Arc::new(Shapes::new(&options.views));
        let present = Arc::new(Present::default());
        let early = Arc::new(Notify::new());
        let hot = options.hot_memory as u64;
        let enough = hot / EARLY;
        let follower = Arc::new(Follower::new(meta.clone(), Arc::clone(&shapes), Arc::clone(&present), Arc::clone(&early), enough));
        let last_id = if meta.database().is_shared() { 0 } else { clean(&meta, &store).await? };
        follower.load().await?;
        let stats = present.stats(std::iter::empty());
        tracing::info!(
            lake.folder = %options.folder.display(),
            lake.store = %options.store,
            lake.hot_batches = stats.hot_batches,
            "opened"
        );

        let (intake, writer) = Intake::start(
            meta.clone(),
            Arc::clone(&shapes),
            Arc::clone(&present),
            Arc::clone(&follower),
            (hot, Arc::clone(&early)),
            Arc::clone(&lock),
        )
        .await?;
        let files = Files::open(&store, Spill::open(options.spill_folder.as_deref(), &options.folder, options.spill_disk)?)?;
        let compactor = Compactor {
            store: store.clone(),
            meta: meta.clone(),
            follower: Arc::clone(&follower),
            shapes: Arc::clone(&shapes),
            present: Arc::clone(&present),
            files: files.clone(),
            last_id: AtomicI64::new(last_id),
            threads: Threads::of_compaction().context("for compaction")?,
            writing: Mutex::new(()),
            tending: Mutex::new(()),
        };
        note_fleet(&shapes, &present, &files, Utc::now()).await;
        let answers = match &options.answers {
            Some(cache) => Some(Answers::open(Arc::clone(cache), &meta).await?),
            None => None,
        };
        let engine = Arc::new(Engine::new(&options, Arc::clone(&shapes), Arc::clone(&present), Arc::clone(&follower), files, answers)?);
        Ok(Self(Arc::new(Inner {
            options,
            lease: Lease::new(meta.clone()),
            meta,
            store,
            shapes,
            present,
            follower,
            intake: std::sync::RwLock::new(Some(Arc::new(intake))),
            writer: Mutex::new(Some(writer)),
            compactor,
            engine,
            early,
            written: Notify::new(),
            _lock: lock,
        })))
    }

    /// How the schema of the meta store stands beside this version.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn schema(options: &LakeOptions) -> anyhow::Result<SchemaState> {
        let Some(url) = &options.database else { return Meta::schema_of_folder(&options.folder).await };
        let meta = Meta::connect(url).await?;
        let state = meta.schema().await;
        meta.close().await;
        state
    }

    /// Brings the meta store to this version. Several processes may ask at once.
    ///
    /// # Errors
    /// When it does not answer, refuses, or is newer than this version.
    pub async fn migrate(options: &LakeOptions) -> anyhow::Result<()> {
        let meta = Self::meta_of(options).await?;
        let migrated = meta.migrate().await;
        meta.close().await;
        migrated
    }

    /// Looks whether the history is whole, beside backends that may run; `looked_at` is told the number of files done and of all. See
    /// [`Verified`].
    ///
    /// # Errors
    /// When the meta store is not there, does not answer or is not at this version, or the files cannot be listed.
    pub async fn verify(options: &LakeOptions, depth: Depth, looked_at: impl Fn(u64, u64)) -> anyhow::Result<Verified> {
        let meta = match &options.database {
            Some(url) => Meta::connect(url).await?,
            None => Meta::read_folder(&options.folder).await?,
        };
        let verified = async {
            meta.schema().await?.check()?;
            verify::verify(options, &meta, depth, looked_at).await
        };
        let verified = verified.await;
        meta.close().await;
        verified
    }

    async fn meta_of(options: &LakeOptions) -> anyhow::Result<Meta> {
        match &options.database {
            Some(url) => Meta::connect(url).await,
            None => {
                create(&options.folder)?;
                Meta::open_folder(&options.folder).await
            }
        }
    }

    /// Takes a batch. `Ok` means it is on disk and visible to SQL.
    ///
    /// # Errors
    /// See [`IngestError`]; then nothing of the batch was taken.
    pub async fn ingest(&self, body: Bytes) -> Result<Ack, IngestError> {
        self.ingest_from(&Sender::default(), body).await
    }

    /// Takes a batch, with what the request around it told.
    ///
    /// # Errors
    /// See [`IngestError`]; then nothing of the batch was taken.
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
    /// When a file or the store fails, or another replica holds the lease; what was done so far stands, and nothing is lost.
    pub async fn compact(&self) -> anyhow::Result<Compaction> {
        self.compact_at(self.0.meta.now().await?).await
    }

    /// [`Lake::compact`] as of a moment, which decides what days are over.
    ///
    /// # Errors
    /// As of [`Lake::compact`].
    pub async fn compact_at(&self, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        let written = self.0.compactor.write(self.fence().await?, now).await?;
        Ok(written.and(self.0.compactor.merge(self.fence().await?, now).await?))
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
    /// When the store fails, or another replica holds the lease.
    pub async fn expire(&self, now: DateTime<Utc>) -> anyhow::Result<Expiry> {
        retention::expire(&self.0.compactor, self.fence().await?, self.0.options.retention, now).await
    }

    /// The lease, taken for this moment where nobody has it.
    async fn fence(&self) -> anyhow::Result<Fence> {
        if self.0.lease.fence().is_none() {
            self.0.lease.renew().await.map_err(crate::meta::explain)?;
        }
        self.0.lease.fence().context("another replica holds the lease: it does this work")
    }

    /// Deletes files that were replaced so long ago that no query reads them.
    ///
    /// # Errors
    /// When a file cannot be deleted, or the store fails.
    pub async fn remove_replaced(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let grace = TimeDelta::from_std(self.0.options.query_deadline * GRACE_FACTOR).unwrap_or(TimeDelta::MAX);
        let Some(before) = now.checked_sub_signed(grace) else { return Ok(0) };
        let files = catalog::retired(&self.0.meta, before).await?;
        catalog::delete(&self.0.meta, &self.0.store, &files).await?;
        Ok(files.len() as u64)
    }

    /// Deletes what crashes left in a shared store. In a folder of one process the next start does it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove_orphans(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        match self.0.meta.database().is_shared() {
            true => catalog::delete_orphans(&self.0.meta, &self.0.store, now).await,
            false => Ok(0),
        }
    }

    /// Follows the other replicas; and, while it holds the lease, compaction, retention and the removal of replaced files; until stopped.
    /// A step that fails is logged and tried again next time.
    pub async fn run(&self, stop: CancellationToken) {
        // On the heap: together they are too large for a caller's future.
        Box::pin(async {
            tokio::join!(self.0.follower.run(&stop), self.0.lease.keep(&stop), self.write_until(&stop), self.tend_until(&stop))
        })
        .await;
    }

    /// Writes hot rows, as often as is set and whenever they fill their memory.
    async fn write_until(&self, stop: &CancellationToken) {
        let mut tick = self.tick().await;
        while let Some(turn) = self.turn(&mut tick, &self.0.early, stop).await {
            // A call may have come while the rows that it was for were being written.
            let is_due = turn == Turn::Due || self.0.follower.is_enough() || self.0.present.is_full();
            if is_due {
                self.write().await;
                self.0.written.notify_one();
            }
        }
    }

    /// Merges files, as new ones come; and removes what is to go.
    async fn tend_until(&self, stop: &CancellationToken) {
        let mut tick = self.tick().await;
        let mut orphans = Instant::now();
        while self.turn(&mut tick, &self.0.written, stop).await.is_some() {
            self.tend().await;
            if orphans.elapsed() >= ORPHANS_EVERY {
                orphans = Instant::now();
                match self.remove_orphans(Utc::now()).await {
                    Ok(0) => {}
                    Ok(files) => tracing::info!(orphans.files = files, "deleted what a crash left"),
                    Err(error) => tracing::error!(error = format!("{error:#}"), "delete orphans"),
                }
            }
        }
    }

    async fn tick(&self) -> tokio::time::Interval {
        let mut tick = tokio::time::interval(self.0.options.compact_every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.tick().await;
        tick
    }

    /// Waits for the next turn; none at the end. The caller does its work outside of this: a step that has begun is finished, and the
    /// next start need not clean up.
    async fn turn(&self, tick: &mut tokio::time::Interval, called: &Notify, stop: &CancellationToken) -> Option<Turn> {
        if self.0.lease.fence().is_none() {
            // A new holder begins at once: the one before may have left something undone.
            return tokio::select! {
                () = stop.cancelled() => None,
                () = self.0.lease.until_held() => Some(Turn::Due),
            };
        }
        tokio::select! {
            () = stop.cancelled() => None,
            _ = tick.tick() => Some(Turn::Due),
            () = called.notified() => Some(Turn::Called),
        }
    }

    async fn write(&self) {
        let began = Instant::now();
        let written = async { self.0.compactor.write(self.fence().await?, self.0.meta.now().await?).await };
        match written.await {
            Ok(done) => log(began, done, "compacted"),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "compact");
                self.0.lease.step_aside().await;
            }
        }
    }

    async fn tend(&self) {
        let began = Instant::now();
        let now = match self.0.meta.now().await {
            Ok(now) => now,
            Err(error) => return tracing::error!(error = format!("{error:#}"), "ask the store for the time"),
        };
        let merged = async { self.0.compactor.merge(self.fence().await?, now).await };
        match merged.await {
            Ok(done) => log(began, done, "merged"),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "merge");
                // Expiry goes on where this is the only process: it may be what frees the room that is missing.
                if self.0.lease.step_aside().await {
                    return;
                }
            }
        }
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
        if let Err(error) = self.0.meta.delete_expired_attempts(now).await {
            tracing::error!(error = format!("{error:#}"), "forget old attempts to log in");
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
        stats.kept_answers = self.0.engine.kept.load(Ordering::Relaxed);
        stats.failed_queries = self.0.engine.failed.load(Ordering::Relaxed);
        stats.running_queries = self.0.engine.running();
        stats
    }

    /// Readiness: the meta store answers, and a folder of files can be written. An object store that is away makes no replica unready: what
    /// comes is taken without it, and waits.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.0.meta.check().await?;
        let Some(root) = self.0.store.root() else { return Ok(()) };
        let probe = root.join(format!("ready-{}.{}", std::process::id(), catalog::UNFINISHED));
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
        let (_writing, _tending) = (self.0.compactor.writing.lock().await, self.0.compactor.tending.lock().await);
        self.0.meta.close().await;
    }

    fn intake(&self) -> Option<Arc<Intake>> {
        self.0.intake.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Why it is a step's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Its time has come.
    Due,
    Called,
}

/// What a step of compaction did, where it did anything.
fn log(began: Instant, done: Compaction, what: &str) {
    if done != Compaction::default() {
        tracing::info!(
            compaction.duration_ms = began.elapsed().as_millis(),
            compaction.batches = done.batches,
            compaction.rows = done.rows,
            compaction.files = done.files,
            compaction.bytes = done.bytes,
            compaction.merged = done.merged,
            "{what}"
        );
    }
}

/// Removes what a crash left in a folder of one process, where nothing reads yet; the last id that its store gave.
async fn clean(meta: &Meta, store: &Store) -> anyhow::Result<i64> {
    catalog::delete(meta, store, &catalog::retired(meta, DateTime::<Utc>::MAX_UTC).await?).await?;
    let live = catalog::live(meta).await?;
    let last_id = catalog::last_id(meta).await?;
    let Some(root) = store.root().map(Path::to_path_buf) else { return Ok(last_id) };
    // An orphan's rows are still hot batches, so a collector is known. Without one, these files belong to another meta.db.
    let is_new = last_id == 0 && meta.collectors().await?.is_empty();
    let swept = tokio::task::spawn_blocking(move || catalog::sweep(&root, &live, is_new)).await.context("look through the files")??;
    for damage in &swept.damaged {
        tracing::error!(damage, "a file of the history is missing or damaged; queries that need it will fail");
    }
    if swept.orphans > 0 {
        tracing::info!(lake.orphans = swept.orphans, "deleted what a crash left");
    }
    Ok(last_id)
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
    builder.create(folder).with_context(|| format!("create the data folder {}; name one that this user may write", folder.display()))
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
