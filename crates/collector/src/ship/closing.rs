//! Closes batches and appends them to the spool.

use std::collections::VecDeque;
use std::sync::Arc;

use pganalytics_views::wire::{Header, Limits, Status};

use super::batch::{self, Encoded, Frames};
use super::gather::Gather;
use super::metrics::Metrics;
use super::queue::Queue;
use super::spool::Spool;
use crate::clock::{now_seconds, now_us};

/// Closes batches and appends them to the spool.
pub(crate) struct Closing {
    pub collector: uuid::Uuid,
    pub name: String,
    pub gather: Arc<Gather>,
    pub metrics: Arc<Metrics>,
}

impl Closing {
    /// Closes the gathered rows into batches. Their headers carry this status and the figures of the spool.
    pub(crate) async fn flush(&self, queue: &Queue, status: Status) {
        let batches = self.gather.take();
        let (collector, name) = (self.collector, self.name.clone());
        let outcome = queue.with(move |spool| close(spool, collector, &name, &status, batches)).await;
        if let Ok(Err(error)) | Err(error) = outcome {
            tracing::error!(error = format!("{error:#}"), "a batch could not be written to the spool; its rows are counted as dropped");
        }
        queue.bell.notify_one();
        let _ = self.observe(queue).await;
    }

    /// Sets the metrics of the spool.
    pub(crate) async fn observe(&self, queue: &Queue) -> anyhow::Result<()> {
        let metrics = Arc::clone(&self.metrics);
        queue
            .with(move |spool| {
                let (counts, int) = (spool.counts(), |number: u64| i64::try_from(number).unwrap_or(i64::MAX));
                metrics.spool_bytes.set(int(spool.bytes()));
                metrics.spool_batches.set(int(spool.len() as u64));
                metrics.spool_on_disk.set(i64::from(spool.is_on_disk()));
                metrics.spool_oldest.set(spool.oldest_since().map_or(0.0, |age| now_seconds() - age.as_secs_f64()));
                metrics.dropped_rows.set(int(counts.dropped_rows));
                metrics.damaged_batches.set(int(counts.damaged));
                metrics.rejected_batches.set(int(counts.rejected));
            })
            .await
    }
}

/// Encodes rows as batches with the next sequences and appends them.
fn close(spool: &mut Spool, collector: uuid::Uuid, name: &str, status: &Status, batches: Vec<Frames>) -> anyhow::Result<()> {
    let mut todo = VecDeque::from(batches);
    let mut outcome = Ok(());
    while let Some(frames) = todo.pop_front() {
        let (sequence, dropped_rows) = spool.next();
        let header = Header {
            collector,
            collector_name: name.into(),
            sequence,
            created_us: now_us(),
            version: env!("CARGO_PKG_VERSION").into(),
            dropped_rows,
            status: Some(Status {
                spool_batches: spool.len() as u64,
                spool_bytes: spool.bytes(),
                oldest_ms: spool.oldest_since().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
                ..status.clone()
            }),
            frames: Vec::new(),
        };
        let rows = frames.iter().map(|(_, rows)| rows.num_rows() as u64).sum();
        match batch::encode(header, frames, &Limits::default()) {
            Encoded::Batch(body) => {
                if let Err(error) = spool.append(body, dropped_rows) {
                    spool.drop_rows(rows);
                    outcome = Err(error);
                }
            }
            Encoded::Halves(halves) => halves.into_iter().rev().for_each(|half| todo.push_front(half)),
            Encoded::Dropped { rows, reason } => {
                tracing::warn!(dropped.rows = rows, reason, "rows that are too large for a batch were dropped");
                spool.drop_rows(rows);
            }
        }
    }
    outcome
}
