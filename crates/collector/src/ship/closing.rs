//! Closes batches and appends them to the spool.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use pganalytics_views::wire::{Header, Limits, Status};

use super::batch::{self, Encoded};
use super::gather::{Gather, Taken};
use super::metrics::Metrics;
use super::queue::Queue;
use super::spool::Spool;
use crate::clock::{now_seconds, now_us};

/// From this time on, a disk that has not written a batch is reported. A busy disk takes less.
const STUCK: Duration = Duration::from_secs(15);

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
        let taken = self.gather.take();
        let (collector, name) = (self.collector, self.name.clone());
        let closing = queue.with(move |spool| close(spool, collector, &name, &status, taken));
        let outcome = self.watched(closing).await;
        if let Ok(Err(error)) | Err(error) = outcome {
            tracing::error!(error = format!("{error:#}"), "a batch could not be written to the spool; its rows are counted as dropped");
        }
        queue.bell.notify_one();
        let _ = self.observe(queue).await;
    }

    /// Waits for the spool's disk, and reports a disk that does not answer. Meanwhile rows gather in memory, within a bound.
    async fn watched<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        if let Ok(done) = tokio::time::timeout(STUCK, &mut work).await {
            return done;
        }
        self.metrics.spool_on_disk.set(0);
        tracing::error!(
            wait_s = STUCK.as_secs(),
            "the spool's disk does not answer: rows wait in memory, and the oldest are dropped when it is full; check that disk"
        );
        let done = work.await;
        tracing::info!("the spool's disk answers again");
        done
    }

    /// Sets the metrics of the spool.
    pub(crate) async fn observe(&self, queue: &Queue) -> anyhow::Result<()> {
        let (metrics, gather) = (Arc::clone(&self.metrics), Arc::clone(&self.gather));
        queue
            .with(move |spool| {
                let (counts, int) = (spool.counts(), |number: u64| i64::try_from(number).unwrap_or(i64::MAX));
                metrics.spool_bytes.set(int(spool.bytes()));
                metrics.spool_batches.set(int(spool.len() as u64));
                metrics.spool_on_disk.set(i64::from(spool.is_on_disk()));
                metrics.spool_oldest.set(spool.oldest_since().map_or(0.0, |age| now_seconds() - age.as_secs_f64()));
                metrics.dropped_rows.set(int(counts.dropped_rows + gather.dropped_rows()));
                metrics.damaged_batches.set(int(counts.damaged));
                metrics.rejected_batches.set(int(counts.rejected));
            })
            .await
    }
}

/// Encodes rows as batches with the next sequences and appends them.
fn close(spool: &mut Spool, collector: uuid::Uuid, name: &str, status: &Status, taken: Taken) -> anyhow::Result<()> {
    if taken.dropped_rows > 0 {
        tracing::warn!(dropped.rows = taken.dropped_rows, "rows were dropped before they reached the spool");
        spool.drop_rows(taken.dropped_rows);
    }
    let mut todo = VecDeque::from(taken.batches);
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use pganalytics_views::wire::decode_header;
    use prometheus_client::registry::Registry;
    use tokio::sync::Notify;

    use super::*;
    use crate::ship::batch::tests::texts;
    use crate::ship::gather::CAP;
    use crate::ship::metrics::Certificates;

    /// The disk hangs: the thread that writes to it holds the spool and does not return.
    #[tokio::test(flavor = "multi_thread")]
    async fn while_the_disk_hangs_memory_is_bounded_and_the_next_header_tells_what_was_dropped() {
        let folder = tempfile::tempdir().expect("folder");
        let spool = Spool::open(folder.path(), 1 << 30).expect("opened");
        let collector = spool.identity();
        let queue = Queue { spool: Arc::new(Mutex::new(spool)), bell: Arc::new(Notify::new()) };
        let mut registry = Registry::default();
        let certificates = Certificates::register(&mut registry);
        let metrics = Arc::new(Metrics::register(&mut registry, certificates));
        let gather = Gather::counting(metrics.dropped_rows.clone());
        let closing = Arc::new(Closing { collector, name: "c".into(), gather: Arc::clone(&gather), metrics: Arc::clone(&metrics) });
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (holds, held) = tokio::sync::oneshot::channel();
        let hanging = Arc::clone(&queue.spool);
        let disk = std::thread::spawn(move || {
            let _spool = hanging.lock().expect("unpoisoned");
            holds.send(()).expect("awaited");
            let _ = released.recv();
        });
        held.await.expect("held");
        gather.add("v", texts(2));
        let flushing = tokio::spawn({
            let (closing, queue) = (Arc::clone(&closing), queue.clone());
            async move { closing.flush(&queue, Status::default()).await }
        });
        while gather.take_is_pending() {
            tokio::task::yield_now().await;
        }
        let rows = texts(10_000);
        let added = 2 * CAP / rows.get_array_memory_size();
        for _ in 0..added {
            gather.add("v", rows.clone());
        }
        let dropped = gather.dropped_rows();
        assert!(dropped > 0);
        assert_eq!(u64::try_from(metrics.dropped_rows.get()), Ok(dropped), "the metric rises while the disk hangs");
        release.send(()).expect("waits");
        disk.join().expect("ended");
        flushing.await.expect("flushed");
        closing.flush(&queue, Status::default()).await;
        assert_eq!(u64::try_from(metrics.dropped_rows.get()), Ok(dropped));
        let (mut rows, mut told) = (0, 0);
        let mut spool = queue.spool.lock().expect("unpoisoned");
        while let Some(oldest) = spool.oldest() {
            told += decode_header(&oldest.body, &Limits::default()).expect("a batch").dropped_rows;
            rows += oldest.rows;
            spool.shipped(oldest.sequence);
        }
        assert_eq!((told, rows), (dropped, 2 + 10_000 * added as u64 - dropped));
    }
}
