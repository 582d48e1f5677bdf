//! How a lake is opened, and what can be asked of one that is not.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use anyhow::Context as _;
use chrono::Utc;
use tokio::sync::{Mutex, Notify};

use super::facade::{Inner, Lake};
use super::folder::{create, lock};
use crate::catalog::{Lease, clean};
use crate::maintain::{Compactor, Depth, Times, Upkeep, Verified, verify};
use crate::meta::{Meta, SchemaState};
use crate::model::Shapes;
use crate::options::LakeOptions;
use crate::parquet::Files;
use crate::present::{Follower, Present, note_fleet};
use crate::query::{Answers, Engine, Limits, Spill};
use crate::store::Store;
use crate::threads::Threads;
use crate::write::{HotMemory, Intake};

/// The part of their memory that hot rows fill before they are written early: what comes while they are written needs room, too.
const EARLY: u64 = 2;

impl Lake {
    /// Opens the data folder, or makes one; and the shared store, where one is named.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it open, its content is damaged or newer; when the shared store does not answer,
    /// or is not migrated to this version.
    pub async fn open(options: LakeOptions) -> anyhow::Result<Self> {
        create(&options.folder)?;
        let lock = Arc::new(lock(&options.folder)?);
        let meta = meta_of(&options).await?;
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

        let hot_memory = Arc::new(HotMemory::new(Arc::clone(&present), hot, Arc::clone(&early)));
        let (intake, writer) =
            Intake::start(meta.clone(), Arc::clone(&shapes), Arc::clone(&hot_memory), Arc::clone(&follower), Arc::clone(&lock)).await?;
        let spill = Spill::open(options.spill_folder.as_deref(), &options.folder, options.spill_disk)?;
        let files = Files::open(&store)?;
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
        let limits = Limits { memory: options.query_memory, deadline: options.query_deadline, max_rows: options.max_rows };
        let engine = Engine::new(limits, Arc::clone(&shapes), Arc::clone(&present), follower, files, spill, answers)?;
        let upkeep = Upkeep {
            compactor,
            lease: Lease::new(meta.clone()),
            hot_memory,
            times: Times { compact_every: options.compact_every, retention: options.retention, query_deadline: options.query_deadline },
            early,
            written: Notify::new(),
        };
        Ok(Self(Arc::new(Inner {
            options,
            meta,
            store,
            shapes,
            present,
            intake: std::sync::RwLock::new(Some(Arc::new(intake))),
            writer: Mutex::new(Some(writer)),
            upkeep,
            engine: Arc::new(engine),
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
        let meta = meta_of(options).await?;
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
            let store = Store::attach(&options.store, &options.folder, &meta)?;
            verify(&meta, &store, &options.views, depth, looked_at).await
        };
        let verified = verified.await;
        meta.close().await;
        verified
    }
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
