//! Opens a lake. Also the operations that need no open lake: schema check, migration, verification.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use anyhow::Context as _;
use tokio::sync::{Mutex, Notify};

use super::facade::{Inner, Lake};
use super::folder::{create, lock};
use crate::catalog::{Lease, clean};
use crate::maintain::{Compactor, DamagedFiles, Depth, Times, Upkeep, Verified, take_back, verify};
use crate::meta::{Meta, SchemaState};
use crate::model::Shapes;
use crate::options::LakeOptions;
use crate::parquet::Files;
use crate::present::{Follower, Present, note_fleet};
use crate::query::{Answers, Engine, Limits, Spill};
use crate::store::Store;
use crate::threads::Threads;
use crate::write::{HotMemory, Intake};

/// The share of the memory that hot rows may fill before they are written early. Batches that arrive during the write need the rest.
const EARLY: u64 = 2;

impl Lake {
    /// Opens or creates the data folder, and opens the shared store if one is configured.
    ///
    /// # Errors
    /// If the folder cannot be used, is open in another process, is damaged or comes from a newer version; or if the shared store does not
    /// answer or is not migrated to this version.
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
        take_back(&meta, &shapes).await?;
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
            damaged: DamagedFiles::default(),
            foreign: std::sync::Mutex::default(),
            met_unknown: AtomicBool::new(false),
            threads: Threads::of_compaction().context("for compaction")?,
            writing: Mutex::new(()),
            tending: Mutex::new(()),
        };
        note_fleet(&shapes, &present, &files, meta.now().await?).await;
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

    /// Compares the schema of the meta store with this version.
    ///
    /// # Errors
    /// If the meta store does not answer.
    pub async fn schema(options: &LakeOptions) -> anyhow::Result<SchemaState> {
        let Some(url) = &options.database else { return Meta::schema_of_folder(&options.folder).await };
        let meta = Meta::connect(url).await?;
        let state = meta.schema().await;
        meta.close().await;
        state
    }

    /// Migrates the meta store to this version. Several processes may call this at once.
    ///
    /// # Errors
    /// If the meta store does not answer, refuses the migration, or is newer than this version.
    pub async fn migrate(options: &LakeOptions) -> anyhow::Result<()> {
        let meta = meta_of(options).await?;
        let migrated = meta.migrate().await;
        meta.close().await;
        migrated
    }

    /// Checks whether the history is complete; backends may run meanwhile. `looked_at` receives the number of checked files and of all files.
    /// See [`Verified`].
    ///
    /// # Errors
    /// If the meta store is missing, does not answer or has another version, or if the files cannot be listed.
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
