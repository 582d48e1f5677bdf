//! The fleet: starts, kills and ends its collectors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use super::shared::{Progress, Shared, lock, now_us};
use super::task::CollectorTask;
use crate::api::use_ring;
use crate::fleet::ledger::{History, Ledger};
use crate::fleet::rows::Rows;
use crate::fleet::shape::Shape;
use crate::wait::until;

/// A fleet that ships. Dropping the value stops it at once.
#[derive(Debug)]
pub struct Fleet {
    shared: Arc<Shared>,
    collectors: Vec<Option<JoinHandle<Result<()>>>>,
}

impl Fleet {
    /// Starts every collector where its ledger ends.
    ///
    /// # Errors
    /// If the shape is out of bounds, or a URL or certificate is invalid.
    pub fn start(endpoint: Endpoint, ledger: Ledger, history: &History) -> Result<Self> {
        use_ring();
        ensure!(!endpoint.urls.is_empty(), "the fleet has no URL to ship to: set one");
        for url in &endpoint.urls {
            url.parse::<reqwest::Url>().with_context(|| format!("'{url}' is not a URL"))?;
        }
        let rows = Arc::new(Rows::new(&history.shape)?);
        let mut last = vec![0; history.shape.collectors as usize];
        for entry in &history.entries {
            *last.get_mut(entry.collector as usize).context("a collector of the ledger's fleet")? = entry.sequence;
        }
        let shared = Arc::new(Shared {
            rows,
            endpoint,
            ledger,
            last: last.into_iter().map(AtomicU64::new).collect(),
            counted: Mutex::default(),
            latencies: Mutex::default(),
            end: Mutex::default(),
            ending: CancellationToken::new(),
        });
        let mut fleet = Self { shared, collectors: Vec::new() };
        for collector in 0..history.shape.collectors {
            let started = fleet.collector(collector)?;
            fleet.collectors.push(Some(started));
        }
        Ok(fleet)
    }

    /// Kills one collector and starts it again. It ships the batch in flight again.
    ///
    /// # Errors
    /// If there is no such collector.
    pub async fn crash(&mut self, collector: u32) -> Result<()> {
        let slot = self.collectors.get_mut(collector as usize).with_context(|| format!("there is no collector {collector}"))?;
        if let Some(task) = slot.take() {
            task.abort();
            match task.await {
                Err(error) if error.is_cancelled() => {}
                other => other.context("a collector panicked")??,
            }
        }
        // At its next start the collector knows all entries that it gave to the ledger.
        self.shared.ledger.settle().await?;
        let known = History::read(self.shared.ledger.path())?.last(collector);
        self.shared.last[collector as usize].store(known, Ordering::Relaxed);
        let started = self.collector(collector)?;
        self.collectors[collector as usize] = Some(started);
        Ok(())
    }

    /// Kills the whole fleet. Its ledger can be opened again afterwards.
    ///
    /// # Errors
    /// If a collector has ended with an error.
    pub async fn kill(mut self) -> Result<()> {
        self.collectors.iter().flatten().for_each(JoinHandle::abort);
        for task in self.collectors.iter_mut().filter_map(Option::take) {
            match task.await {
                Err(error) if error.is_cancelled() => {}
                other => other.context("a collector panicked")??,
            }
        }
        self.shared.ledger.settle().await
    }

    /// The work so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let mut progress = lock(&self.shared.counted).clone();
        let now = now_us();
        let shape = self.shared.rows.shape();
        progress.waiting = (0..shape.collectors).map(|collector| closed(shape, collector, now).saturating_sub(self.last(collector))).sum();
        progress
    }

    /// The latencies of acknowledged requests since the last call.
    #[must_use]
    pub fn take_latencies(&self) -> Vec<Duration> {
        let latencies = std::mem::take(&mut *lock(&self.shared.latencies));
        latencies.into_iter().map(Duration::from_micros).collect()
    }

    /// Waits until at most one batch per collector is not shipped yet.
    ///
    /// # Errors
    /// If a collector has ended with an error, or the deadline passes.
    pub async fn caught_up(&mut self, deadline: Duration) -> Result<()> {
        self.at_most(u64::from(self.shared.rows.shape().collectors), deadline).await
    }

    /// Waits until every batch is shipped. Only a fleet with a number of batches comes to that.
    ///
    /// # Errors
    /// See [`Self::caught_up`].
    pub async fn shipped(&mut self, deadline: Duration) -> Result<()> {
        self.at_most(0, deadline).await
    }

    async fn at_most(&mut self, most: u64, deadline: Duration) -> Result<()> {
        until("the fleet's backlog to be shipped", deadline, async || {
            if self.collectors.iter().flatten().any(JoinHandle::is_finished) && self.progress().waiting > 0 {
                bail!("a collector has ended");
            }
            Ok((self.progress().waiting <= most).then_some(()))
        })
        .await
    }

    /// Ships all batches that are closed by now, and ends. No batch is in flight afterwards.
    ///
    /// # Errors
    /// If a collector has ended with an error, or the deadline passes.
    pub async fn finish(mut self, deadline: Duration) -> Result<Progress> {
        lock(&self.shared.end).get_or_insert(now_us());
        self.shared.ending.cancel();
        let all = async {
            for task in self.collectors.iter_mut().filter_map(Option::take) {
                task.await.context("a collector panicked")??;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(deadline, all).await.with_context(|| {
            format!(
                "the fleet's last batches were not acknowledged within {} s: {:?}",
                deadline.as_secs(),
                lock(&self.shared.counted).failures
            )
        })??;
        Ok(self.progress())
    }

    fn collector(&self, collector: u32) -> Result<JoinHandle<Result<()>>> {
        let task = CollectorTask::new(Arc::clone(&self.shared), collector)?;
        Ok(tokio::spawn(task.run()))
    }

    fn last(&self, collector: u32) -> u64 {
        self.shared.last[collector as usize].load(Ordering::Relaxed)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.collectors.iter().flatten().for_each(JoinHandle::abort);
    }
}

/// The number of batches that a collector has closed.
fn closed(shape: &Shape, collector: u32, now: i64) -> u64 {
    // The time between two closings is constant, so one distance is enough to count them.
    let (first, second) = (shape.closes_us(collector, 1), shape.closes_us(collector, 1_000_001));
    let count = i128::from(now - first) * 1_000_000 / i128::from((second - first).max(1)) + 1;
    let count = if now < first { 0 } else { u64::try_from(count).unwrap_or(0) };
    count.min(shape.batches.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::closed;
    use crate::fleet::shape::Shape;

    #[test]
    fn closed_batches_are_counted_as_the_clock_closes_them() {
        let shape = Shape { speed: 3.0, collectors: 7, batches: Some(50), ..Shape::new(1, 70, 1_800_000_000_000_000) };
        for sequence in 1..=50 {
            let at = shape.closes_us(5, sequence);
            assert_eq!((closed(&shape, 5, at - 2), closed(&shape, 5, at + 2)), (sequence - 1, sequence));
        }
        assert_eq!(closed(&shape, 5, i64::MAX / 4), 50);
    }
}
