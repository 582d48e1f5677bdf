//! Keeps this process's view of the history up to date with the meta store, which other replicas change too.
//!
//! # Promise
//! The answer of a query includes everything that any replica committed before the query. Every change of the history (new batches, files
//! that replace batches or files) has a version. Versions become visible in order, because each change locks the row of `history` until its
//! commit. A process that knows the history up to a version therefore finds all later changes, and applies them as a whole.
//!
//! # How
//! Before a query, the process reads the version (one row by its key) and fetches the missing changes. It applies its own changes without
//! fetching them. Between queries, [`Follower::run`] polls several times a second, so that a query has little to fetch. Unlike LISTEN,
//! polling needs no session of its own, works through any pooler, and misses nothing after a lost connection.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::snapshot::Present;
use crate::catalog::{batches, files, history};
use crate::decode::decode_stored;
use crate::meta::database::Transaction;
use crate::meta::{Meta, explain};
use crate::model::{Change, Hot, Shapes};

/// How often a process polls for changes of other replicas.
pub(crate) const LOOK: Duration = Duration::from_millis(200);
/// The version before all others. Rows that an older version of this program wrote have version 0.
const BEFORE: i64 = -1;
/// The number of batches fetched at once. Their bodies stay in memory until they are decoded.
const AT_ONCE: i64 = 64;

/// Follows the history in the meta store.
#[derive(Debug)]
pub(crate) struct Follower {
    meta: Meta,
    shapes: Arc<Shapes>,
    present: Arc<Present>,
    /// Triggers an early compaction. The hot rows of all replicas fill the memory of each replica.
    early: Arc<Notify>,
    /// The bytes of hot rows that trigger an early compaction.
    enough: u64,
    /// The version that is visible. The lock is held while the version advances.
    shown: Mutex<i64>,
    /// This process's own commits that are not visible yet, by version.
    own: std::sync::Mutex<BTreeMap<i64, Change>>,
}

impl Follower {
    pub(crate) fn new(meta: Meta, shapes: Arc<Shapes>, present: Arc<Present>, early: Arc<Notify>, enough: u64) -> Self {
        Self { meta, shapes, present, early, enough, shown: Mutex::new(BEFORE), own: std::sync::Mutex::default() }
    }

    /// Makes a change that this process committed visible, and all changes that other replicas committed before it.
    ///
    /// # Errors
    /// If the changes of other replicas cannot be read now. The change becomes visible as soon as they can be read.
    pub(crate) async fn publish(&self, version: i64, change: Change) -> anyhow::Result<()> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(version, change);
        let mut shown = self.shown.lock().await;
        self.show_own(&mut shown);
        if *shown < version { self.catch_up(&mut shown).await } else { Ok(()) }
    }

    /// Makes everything visible that is committed by now.
    ///
    /// # Errors
    /// If the store does not answer, or a batch in it is damaged.
    pub(crate) async fn refresh(&self) -> anyhow::Result<()> {
        if !self.meta.database().is_shared() {
            return Ok(());
        }
        let version = history::version(&self.meta).await?;
        let mut shown = self.shown.lock().await;
        if *shown < version { self.catch_up(&mut shown).await } else { Ok(()) }
    }

    /// Loads the history from the store, at the start of the process.
    ///
    /// # Errors
    /// If the store does not answer, or a batch in it is damaged.
    pub(crate) async fn load(&self) -> anyhow::Result<()> {
        let mut shown = self.shown.lock().await;
        self.catch_up(&mut shown).await
    }

    /// Polls for changes of other replicas until `stop` is cancelled.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        if !self.meta.database().is_shared() {
            return stop.cancelled().await;
        }
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            match self.refresh().await {
                Ok(()) => failing = false,
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    tracing::warn!(error = format!("{error:#}"), "cannot read the commits of other replicas");
                }
                Err(_) => {}
            }
        }
    }

    /// Makes own changes visible whose versions come next.
    fn show_own(&self, shown: &mut i64) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|version, _| *version > *shown);
        while let Some(change) = own.remove(&(*shown + 1)) {
            self.show(change);
            *shown += 1;
        }
    }

    fn show(&self, change: Change) {
        let grows = !change.batches.is_empty();
        self.present.change(change);
        if grows && self.is_enough() {
            self.early.notify_one();
        }
    }

    /// Whether the hot rows are enough for an early compaction.
    pub(crate) fn is_enough(&self) -> bool {
        self.present.hot_bytes() >= self.enough
    }

    async fn catch_up(&self, shown: &mut i64) -> anyhow::Result<()> {
        let mut transaction = self.meta.database().begin_reading().await.map_err(explain)?;
        let history = history::read(&mut transaction).await?;
        let anew = history.purged > *shown;
        let since = if anew { BEFORE } else { *shown };
        let mut change = Change { anew, compacted: Some(history.compacted), ..Change::default() };
        change.added = files::added_since(&mut transaction, since).await?;
        change.retired = files::retired_since(&mut transaction, since).await?;
        change.batches = self.batches(&mut transaction, since, history.compacted).await?;
        transaction.commit().await.map_err(explain)?;
        self.show(change);
        *shown = history.version;
        self.show_own(shown);
        Ok(())
    }

    /// The hot batches committed after the version `since`, in the order of their ids.
    async fn batches(&self, transaction: &mut Transaction, since: i64, compacted: i64) -> anyhow::Result<Vec<Vec<(String, Hot)>>> {
        let mut batches = Vec::new();
        let mut after = compacted;
        loop {
            let rows = batches::since(transaction, since, after, AT_ONCE).await?;
            let Some((last, ..)) = rows.last() else { return Ok(batches) };
            after = *last;
            for (id, received, body) in rows {
                let shapes = Arc::clone(&self.shapes);
                let decoded = tokio::task::spawn_blocking(move || decode_stored(id, received, &body, &shapes))
                    .await
                    .context("cannot decode a batch")?;
                let store = if self.meta.database().is_shared() { "the meta store" } else { crate::meta::FILE };
                batches.push(decoded.with_context(|| {
                    format!("batch {id} in {store} is damaged; restore it, or give up its rows: delete from batches where id = {id}")
                })?);
            }
        }
    }
}
