//! The steps of background work. Each needs the lease.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

use super::compactor::Compactor;
use super::expiry;
use super::retention::{self, Retention, RetentionError, RetentionSetting};
use crate::catalog::{Fence, Lease, files, removal};
use crate::meta::explain;
use crate::model::{Compaction, Expiry};
use crate::write::HotMemory;

/// A replaced file is kept for this many query deadlines.
const GRACE_FACTOR: u32 = 2;

/// The intervals of background work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// How often hot rows are written to Parquet files.
    pub(crate) compact_every: Duration,
    /// How long raw rows are kept, if the retention setting names no other number.
    pub(crate) retention: Duration,
    /// The longest time that a query may run.
    pub(crate) query_deadline: Duration,
}

/// The background work of one replica.
#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) compactor: Compactor,
    pub(crate) lease: Lease,
    pub(crate) hot_memory: Arc<HotMemory>,
    pub(crate) times: Times,
    /// Notified when hot rows must be written before their next turn.
    pub(crate) early: Arc<Notify>,
    /// Notified when there are new files.
    pub(crate) written: Notify,
}

impl Upkeep {
    /// Writes hot rows to Parquet files, and merges small files into larger ones.
    pub(crate) async fn compact(&self, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        let written = self.compactor.write(self.fence().await?, now).await?;
        Ok(written.and(self.compactor.merge(self.fence().await?, now).await?))
    }

    /// The retention in effect.
    pub(crate) async fn retention(&self) -> anyhow::Result<Retention> {
        retention::retention(&self.compactor.meta, self.times.retention).await
    }

    /// Changes the retention.
    pub(crate) async fn set_retention(&self, setting: &RetentionSetting, now: DateTime<Utc>) -> Result<(), RetentionError> {
        retention::set(&self.compactor.meta, &self.compactor.shapes, setting, now).await
    }

    /// Retires the files of days that are older than the retention.
    pub(crate) async fn expire(&self, now: DateTime<Utc>) -> anyhow::Result<Expiry> {
        expiry::expire(&self.compactor, self.fence().await?, self.times.retention, now).await
    }

    /// Deletes files that were replaced so long ago that no query can still read them.
    pub(crate) async fn remove_replaced(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let grace = TimeDelta::from_std(self.times.query_deadline * GRACE_FACTOR).unwrap_or(TimeDelta::MAX);
        let Some(before) = now.checked_sub_signed(grace) else { return Ok(0) };
        let files = files::retired(&self.compactor.meta, before).await?;
        removal::delete(&self.compactor.meta, &self.compactor.store, &files).await?;
        Ok(files.len() as u64)
    }

    /// Deletes the orphans in a shared store. In the folder of a single process, the next start deletes them.
    pub(crate) async fn remove_orphans(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        match self.compactor.meta.database().is_shared() {
            true => removal::delete_orphans(&self.compactor.meta, &self.compactor.store, now).await,
            false => Ok(0),
        }
    }

    /// The fence of the lease. Takes the lease if no replica holds it.
    pub(crate) async fn fence(&self) -> anyhow::Result<Fence> {
        if self.lease.fence().is_none() {
            self.lease.renew().await.map_err(explain)?;
        }
        self.lease.fence().context("another replica holds the lease and does this work")
    }

    /// Waits for running steps, then runs `last` while no step can start.
    pub(crate) async fn finish_and(&self, last: impl Future<Output = ()>) {
        let (_writing, _tending) = (self.compactor.writing.lock().await, self.compactor.tending.lock().await);
        last.await;
    }
}
