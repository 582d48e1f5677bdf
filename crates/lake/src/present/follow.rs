//! Following: keeps what this process shows in step with the store, which other replicas change too.
//!
//! # Promise
//! What was committed before a question is asked, by whichever replica, is in its answer. Every change of the history (batches that came,
//! files that replace batches or files) has a version, and versions become visible in their order, since each change holds the row of
//! `history` until its commit. So a process that knows the history up to a version finds what came after it, and applies that whole.
//!
//! # How
//! Before a query the version is read, one row by its key, and what is missing is fetched. A process's own changes are applied without
//! asking the store for them again. In between [`Follower::run`] looks several times a second, so that a query finds little to do: looking needs no
//! session of its own as LISTEN does, works through any pooler, and misses nothing after a break.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::snapshot::Present;
use crate::catalog::{batches, files, history};
use crate::decode::decode_known;
use crate::meta::database::Transaction;
use crate::meta::{Meta, explain};
use crate::model::{Change, Hot, Shapes};

/// How often a process looks for others' changes.
pub(crate) const LOOK: Duration = Duration::from_millis(200);
/// Before any version: what an older version of this program wrote has version 0.
const BEFORE: i64 = -1;
/// Batches fetched at once: their bodies stand in memory until they are decoded.
const AT_ONCE: i64 = 64;

/// Where this process is.
#[derive(Debug)]
pub(crate) struct Follower {
    meta: Meta,
    shapes: Arc<Shapes>,
    present: Arc<Present>,
    /// Asks for compaction before its time: rows of all replicas fill the memory of each.
    early: Arc<Notify>,
    /// Bytes of hot rows at which it does.
    enough: u64,
    /// The version that is shown; held while it moves.
    shown: Mutex<i64>,
    /// This process's own commits that are not shown yet, by version.
    own: std::sync::Mutex<BTreeMap<i64, Change>>,
}

impl Follower {
    pub(crate) fn new(meta: Meta, shapes: Arc<Shapes>, present: Arc<Present>, early: Arc<Notify>, enough: u64) -> Self {
        Self { meta, shapes, present, early, enough, shown: Mutex::new(BEFORE), own: std::sync::Mutex::default() }
    }

    /// Shows a change that this process has committed as a version, and whatever others committed before it.
    ///
    /// # Errors
    /// When others' changes cannot be read now: the change is shown as soon as they can.
    pub(crate) async fn publish(&self, version: i64, change: Change) -> anyhow::Result<()> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(version, change);
        let mut shown = self.shown.lock().await;
        self.show_own(&mut shown);
        if *shown < version { self.catch_up(&mut shown).await } else { Ok(()) }
    }

    /// Shows everything that is committed by now.
    ///
    /// # Errors
    /// When the store does not answer, or a batch in it is damaged.
    pub(crate) async fn refresh(&self) -> anyhow::Result<()> {
        if !self.meta.database().is_shared() {
            return Ok(());
        }
        let version = history::version(&self.meta).await?;
        let mut shown = self.shown.lock().await;
        if *shown < version { self.catch_up(&mut shown).await } else { Ok(()) }
    }

    /// Reads the history as the store has it: at the start.
    ///
    /// # Errors
    /// When the store does not answer, or a batch in it is damaged.
    pub(crate) async fn load(&self) -> anyhow::Result<()> {
        let mut shown = self.shown.lock().await;
        self.catch_up(&mut shown).await
    }

    /// Looks for others' changes until stopped.
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
                    tracing::warn!(error = format!("{error:#}"), "follow the other replicas");
                }
                Err(_) => {}
            }
        }
    }

    /// Own changes that come next.
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

    /// Whether hot rows are to be written before their time.
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

    /// Hot batches that came after a version, in order of their ids.
    async fn batches(&self, transaction: &mut Transaction, since: i64, compacted: i64) -> anyhow::Result<Vec<Vec<(String, Hot)>>> {
        let mut batches = Vec::new();
        let mut after = compacted;
        loop {
            let rows = batches::since(transaction, since, after, AT_ONCE).await?;
            let Some((last, _)) = rows.last() else { return Ok(batches) };
            after = *last;
            for (id, body) in rows {
                let shapes = Arc::clone(&self.shapes);
                let decoded = tokio::task::spawn_blocking(move || decode_known(id, &body, &shapes)).await.context("decode a batch")?;
                let store = if self.meta.database().is_shared() { "the meta store" } else { crate::meta::FILE };
                batches.push(decoded.with_context(|| {
                    format!("batch {id} in {store} is damaged; restore it, or give the batch up: delete from batches where id = {id}")
                })?);
            }
        }
    }
}
