//! The work behind, step by step, each under the lease.

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

/// How much longer than a query's deadline a replaced file is kept.
const GRACE_FACTOR: u32 = 2;

/// How often, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// How often hot rows become Parquet.
    pub(crate) compact_every: Duration,
    /// How long rows are kept as they were collected, unless the retention is set.
    pub(crate) retention: Duration,
    /// The longest a query may run.
    pub(crate) query_deadline: Duration,
}

/// One replica's part in the work behind.
#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) compactor: Compactor,
    pub(crate) lease: Lease,
    pub(crate) hot_memory: Arc<HotMemory>,
    pub(crate) times: Times,
    /// Hot rows are to be written before their time.
    pub(crate) early: Arc<Notify>,
    /// There are new files.
    pub(crate) written: Notify,
}

impl Upkeep {
    /// Turns hot rows into Parquet, and small files into larger ones.
    pub(crate) async fn compact(&self, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        let written = self.compactor.write(self.fence().await?, now).await?;
        Ok(written.and(self.compactor.merge(self.fence().await?, now).await?))
    }

    /// How long each table's history is kept.
    pub(crate) async fn retention(&self) -> anyhow::Result<Retention> {
        retention::retention(&self.compactor.meta, self.times.retention).await
    }

    /// Changes how long history is kept.
    pub(crate) async fn set_retention(&self, setting: &RetentionSetting, now: DateTime<Utc>) -> Result<(), RetentionError> {
        retention::set(&self.compactor.meta, &self.compactor.shapes, setting, now).await
    }

    /// Removes the days that are older than the retention.
    pub(crate) async fn expire(&self, now: DateTime<Utc>) -> anyhow::Result<Expiry> {
        expiry::expire(&self.compactor, self.fence().await?, self.times.retention, now).await
    }

    /// Deletes files that were replaced so long ago that no query reads them.
    pub(crate) async fn remove_replaced(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let grace = TimeDelta::from_std(self.times.query_deadline * GRACE_FACTOR).unwrap_or(TimeDelta::MAX);
        let Some(before) = now.checked_sub_signed(grace) else { return Ok(0) };
        let files = files::retired(&self.compactor.meta, before).await?;
        removal::delete(&self.compactor.meta, &self.compactor.store, &files).await?;
        Ok(files.len() as u64)
    }

    /// Deletes what crashes left in a shared store. In a folder of one process the next start does it.
    pub(crate) async fn remove_orphans(&self, now: DateTime<Utc>) -> anyhow::Result<u64> {
        match self.compactor.meta.database().is_shared() {
            true => removal::delete_orphans(&self.compactor.meta, &self.compactor.store, now).await,
            false => Ok(0),
        }
    }

    /// The lease, taken for this moment where nobody has it.
    pub(crate) async fn fence(&self) -> anyhow::Result<Fence> {
        if self.lease.fence().is_none() {
            self.lease.renew().await.map_err(explain)?;
        }
        self.lease.fence().context("another replica holds the lease: it does this work")
    }

    /// Waits for what has begun, and lets nothing begin while `last` is done.
    pub(crate) async fn finish_and(&self, last: impl Future<Output = ()>) {
        let (_writing, _tending) = (self.compactor.writing.lock().await, self.compactor.tending.lock().await);
        last.await;
    }
}
