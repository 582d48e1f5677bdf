//! The schedule of background work: hot rows are written every `compact_every` and whenever they fill their memory. The other steps follow.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::taking_back::take_back;
use super::upkeep::Upkeep;
use crate::model::{Compaction, Expiry};

/// How often a shared store is searched for orphans. Listing the store is expensive, and orphans do no harm.
const ORPHANS_EVERY: Duration = Duration::from_secs(6 * 3600);

impl Upkeep {
    /// Runs until stopped: follows the other replicas and, while this replica holds the lease, compacts, applies the retention and deletes
    /// replaced files. A failed step is logged and tried again at its next turn.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        // On the heap: together the futures are too large for a caller's future.
        Box::pin(async {
            tokio::join!(self.compactor.follower.run(stop), self.lease.keep(stop), self.write_until(stop), self.maintain_until(stop))
        })
        .await;
    }

    /// Writes hot rows every `compact_every` and whenever they fill their memory.
    async fn write_until(&self, stop: &CancellationToken) {
        let mut tick = self.tick().await;
        while let Some(turn) = self.turn(&mut tick, &self.early, stop).await {
            // A call may have arrived while its rows were already being written.
            let is_due = turn == Turn::Due || self.compactor.follower.is_enough() || self.hot_memory.is_full();
            if is_due {
                self.write().await;
                self.written.notify_one();
            }
        }
    }

    /// Merges files when new files were written, and deletes expired and replaced data.
    async fn maintain_until(&self, stop: &CancellationToken) {
        let mut tick = self.tick().await;
        let mut orphans = Instant::now();
        while self.turn(&mut tick, &self.written, stop).await.is_some() {
            self.maintain().await;
            if orphans.elapsed() >= ORPHANS_EVERY {
                orphans = Instant::now();
                match self.remove_orphans(Utc::now()).await {
                    Ok(0) => {}
                    Ok(files) => tracing::info!(orphans.files = files, "deleted files that no catalog row names (left by a crash)"),
                    Err(error) => tracing::error!(error = format!("{error:#}"), "cannot delete orphans"),
                }
            }
        }
    }

    async fn tick(&self) -> tokio::time::Interval {
        let mut tick = tokio::time::interval(self.times.compact_every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.tick().await;
        tick
    }

    /// Waits for the next turn. Returns `None` when stopped. The caller works outside of this wait, so a stop does not interrupt a step and
    /// the next start has nothing to clean up.
    async fn turn(&self, tick: &mut tokio::time::Interval, called: &Notify, stop: &CancellationToken) -> Option<Turn> {
        if self.lease.fence().is_none() {
            // A new holder of the lease starts at once: the previous holder may have left work undone.
            return tokio::select! {
                () = stop.cancelled() => None,
                () = self.lease.until_held() => Some(Turn::Due),
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
        let written = async { self.compactor.write(self.fence().await?, self.compactor.meta.now().await?).await };
        match written.await {
            Ok(done) => {
                log(began, done, "compacted");
                // A replica that knows more writes such rows as a whole.
                if self.compactor.met_unknown.swap(false, Ordering::Relaxed) {
                    self.lease.step_aside().await;
                }
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "cannot compact");
                self.lease.step_aside().await;
            }
        }
    }

    async fn maintain(&self) {
        let began = Instant::now();
        let now = match self.compactor.meta.now().await {
            Ok(now) => now,
            Err(error) => return tracing::error!(error = format!("{error:#}"), "cannot read the meta store's clock"),
        };
        let merged = async { self.compactor.merge(self.fence().await?, now).await };
        match merged.await {
            Ok(done) => log(began, done, "merged"),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "cannot merge files");
                // If this is the only process, expiry continues: it may free the disk space that the merge lacks.
                if self.lease.step_aside().await {
                    return;
                }
            }
        }
        // A replica that knows fewer views may have held the lease before. The followers see the batches as any others.
        if self.compactor.meta.database().is_shared()
            && let Err(error) = take_back(&self.compactor.meta, &self.compactor.shapes).await
        {
            tracing::error!(error = format!("{error:#}"), "take rows back that were set aside");
        }
        match self.expire(now).await {
            Ok(done) if done == Expiry::default() => {}
            Ok(done) => tracing::info!(expiry.files = done.files, expiry.rows = done.rows, expiry.bytes = done.bytes, "expired"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "cannot delete rows older than the retention"),
        }
        if let Err(error) = self.remove_replaced(now).await {
            tracing::error!(error = format!("{error:#}"), "cannot delete replaced files");
        }
        if let Err(error) = self.compactor.meta.delete_expired_sessions(now).await {
            tracing::error!(error = format!("{error:#}"), "cannot delete expired sessions");
        }
        if let Err(error) = self.compactor.meta.delete_expired_attempts(now).await {
            tracing::error!(error = format!("{error:#}"), "cannot delete old login attempts");
        }
    }
}

/// Why a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The interval has elapsed, or this replica has just taken the lease.
    Due,
    Called,
}

/// Logs the result of a compaction step, unless the step did nothing.
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
