//! The writer task: commits all waiting batches in one transaction, publishes their rows, and only then acknowledges them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::prepare::Prepared;
use super::room::Room;
use super::skew::Skewed;
use super::store_failure::StoreFailure;
use super::unknown::UnknownParts;
use crate::catalog::{batches, next_version_at};
use crate::meta::{Meta, Progress};
use crate::model::{Change, Hot};
use crate::present::Follower;

/// The most batches in one commit. With this many, the cost of the fsync per batch is negligible.
const GROUP_BATCHES: usize = 256;
/// When a commit has this many bytes, no more batches are added, so that one transaction does not fill the write-ahead log.
const GROUP_BYTES: usize = 64 << 20;
/// The longest time that one commit may take on a shared store: longer than a statement waits for another replica's lock, and shorter than
/// a collector or a load balancer waits for an answer.
const COMMIT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) prepared: Prepared,
    /// Held until the rows are counted as hot.
    pub(crate) room: Room,
    /// The answer: whether the batch was new, or why the store refused it.
    pub(crate) answer: oneshot::Sender<Result<bool, StoreFailure>>,
}

/// The state of the writer task.
pub(crate) struct Writer {
    pub(crate) meta: Meta,
    pub(crate) follower: Arc<Follower>,
    pub(crate) skewed: Skewed,
    pub(crate) unknown: UnknownParts,
}

impl Writer {
    /// Commits waiting batches until the channel is closed.
    pub(crate) async fn run(self, mut waiting: mpsc::Receiver<Waiting>) {
        while let Some(first) = waiting.recv().await {
            let mut bytes = first.prepared.body.len();
            let mut group = vec![first];
            while group.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
                let Ok(next) = waiting.try_recv() else { break };
                bytes += next.prepared.body.len();
                group.push(next);
            }
            match self.commit_in_time(&group).await {
                Ok((version, ids)) => self.publish(group, version, ids).await,
                Err(error) => {
                    let failure = StoreFailure::from(error);
                    for batch in group {
                        // A caller that has disconnected ships the batch again.
                        let _ = batch.answer.send(Err(failure.clone()));
                    }
                }
            }
        }
    }

    /// Commits a group of batches. If a shared store does not answer within [`COMMIT`], the commit fails, so that the senders can try
    /// another replica. If the group was committed after all, its batches are duplicates then.
    async fn commit_in_time(&self, group: &[Waiting]) -> Result<(i64, Vec<Option<i64>>), sqlx::Error> {
        if !self.meta.database().is_shared() {
            return self.commit(group).await;
        }
        let silent =
            |_| Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "a commit of batches was not answered in time")));
        tokio::time::timeout(COMMIT, self.commit(group)).await.unwrap_or_else(silent)
    }

    /// Commits a group of batches in one transaction. Returns its version and the id of each batch: 0 for a batch without rows, `None` for
    /// a duplicate.
    async fn commit(&self, group: &[Waiting]) -> Result<(i64, Vec<Option<i64>>), sqlx::Error> {
        let mut transaction = self.meta.database().begin().await?;
        // The version is taken first, so that replicas wait for each other only here. Deadlocks on rows are not possible.
        // Its clock tells the time of the receipt, so that the clocks of replicas need not agree.
        let (version, now) = next_version_at(&mut transaction, self.meta.database().clock()).await?;
        let mut ids = Vec::with_capacity(group.len());
        for batch in group {
            if !batch.prepared.progress.record(&mut transaction, now).await? {
                ids.push(None);
                continue;
            }
            for sighting in &batch.prepared.sightings {
                sighting.record(&mut transaction, now).await?;
            }
            if batch.prepared.hot.is_empty() {
                ids.push(Some(0));
                continue;
            }
            ids.push(Some(batches::keep(&mut transaction, version, now, batch.prepared.body.clone()).await?));
        }
        transaction.commit().await?;
        Ok((version, ids))
    }

    async fn publish(&self, group: Vec<Waiting>, version: i64, ids: Vec<Option<i64>>) {
        let mut visible = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        let mut rooms = Vec::with_capacity(group.len());
        for (batch, id) in group.into_iter().zip(ids) {
            let Progress { id: collector, ref name, skew_us, moved_rows, .. } = batch.prepared.progress;
            answers.push((batch.answer, id.is_some()));
            rooms.push(batch.room);
            if let Some(id) = id {
                self.skewed.note(collector, name, skew_us, moved_rows);
                self.unknown.note(name, &batch.prepared.unknown);
                visible.push(named(batch.prepared, id));
            }
        }
        if let Err(error) = self.follower.publish(version, Change { batches: visible, ..Change::default() }).await {
            // The batches are committed, and a query refreshes its view of the store before it answers.
            tracing::warn!(error = format!("{error:#}"), "cannot read the commits of other replicas before this batch");
        }
        drop(rooms);
        for (answer, new) in answers {
            let _ = answer.send(Ok(new));
        }
    }
}

fn named(prepared: Prepared, id: i64) -> Vec<(String, Hot)> {
    prepared.hot.into_iter().map(|(view, hot)| (view, Hot { batch: id, ..hot })).collect()
}
