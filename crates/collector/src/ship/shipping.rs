//! Ships the spooled batches in order. Each batch is retried until the backend has committed it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::outcome::Outcome;
use super::queue::Queue;
use super::shipper::Shipper;
use super::spool::{Oldest, Spool};
use crate::clock::now_seconds;

/// The first backoff. It doubles with each failure; the actual wait is a random part of it.
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_CAP: Duration = Duration::from_secs(30);
/// The wait between attempts while only a human can fix the cause.
const SLOW: Duration = Duration::from_secs(60);

/// Ships until `stop` is cancelled.
pub(crate) async fn run(shipper: &Shipper, queue: &Queue, metrics: &Metrics, stop: &CancellationToken) {
    let mut failures = 0_u32;
    let mut reported: Option<String> = None;
    loop {
        let Ok((collector, oldest)) = queue.with(|spool| (spool.identity(), spool.oldest())).await else { return };
        let tried = async {
            match &oldest {
                Some(oldest) => Some(shipper.ship(oldest).await),
                // Reports a missing secret before there is a batch.
                None => shipper.ready(collector).await.err(),
            }
        };
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = tried => outcome,
        };
        let Some(outcome) = outcome else {
            tokio::select! {
                () = stop.cancelled() => return,
                () = queue.bell.notified() => continue,
            }
        };
        metrics.certificates.client(shipper.certificate());
        let wait = match &oldest {
            Some(oldest) => settle(oldest, &outcome, failures, queue, metrics).await,
            None => pause(&outcome, failures),
        };
        match (&outcome, wait) {
            (_, None) => {
                if reported.take().is_some() {
                    tracing::info!("batches are shipped again");
                }
                failures = 0;
            }
            (Outcome::Remedy(reason) | Outcome::Again(reason, _), Some(wait)) => {
                failures = failures.saturating_add(1);
                metrics.ship_failed(reason);
                // Logs each distinct reason once, not once per attempt.
                if reported.as_deref() != Some(reason) {
                    tracing::warn!(
                        error = reason,
                        retry.after_ms = wait.as_millis(),
                        "batches wait in the spool: the oldest batch could not be shipped"
                    );
                    reported = Some(reason.clone());
                }
            }
            _ => {}
        }
        if let Some(wait) = wait {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// Tries once to ship all batches, at shutdown.
pub(crate) async fn drain(shipper: &Shipper, queue: &Queue, metrics: &Metrics) {
    while let Ok(Some(oldest)) = queue.with(Spool::oldest).await {
        let outcome = shipper.ship(&oldest).await;
        if settle(&oldest, &outcome, 0, queue, metrics).await.is_some() {
            return;
        }
    }
}

/// Applies the outcome. Returns the wait before the next attempt, if the batch stays.
async fn settle(oldest: &Oldest, outcome: &Outcome, failures: u32, queue: &Queue, metrics: &Metrics) -> Option<Duration> {
    let sequence = oldest.sequence;
    match outcome {
        Outcome::Committed => {
            metrics.shipped_batches.inc();
            metrics.shipped_rows.inc_by(oldest.rows);
            metrics.shipped_bytes.inc_by(oldest.body.len() as u64);
            metrics.last_ship.set(now_seconds());
            queue.with(move |spool| spool.shipped(sequence)).await.ok().and(None)
        }
        Outcome::Refused(reason) => {
            tracing::error!(
                batch.sequence = sequence,
                batch.rows = oldest.rows,
                error = reason,
                "the backend refused a batch; it was moved to rejected/"
            );
            metrics.ship_failed(reason);
            queue.with(move |spool| spool.reject(sequence)).await.ok().and(None)
        }
        Outcome::Remedy(_) | Outcome::Again(..) => pause(outcome, failures),
    }
}

/// The wait before the next attempt, after a failed one.
fn pause(outcome: &Outcome, failures: u32) -> Option<Duration> {
    match outcome {
        Outcome::Committed | Outcome::Refused(_) => None,
        Outcome::Remedy(_) => Some(SLOW.mul_f64(0.5 + rand::random::<f64>() / 2.0)),
        Outcome::Again(_, Some(after)) => Some(*after),
        Outcome::Again(_, None) => {
            let most = BACKOFF.saturating_mul(2_u32.saturating_pow(failures)).min(BACKOFF_CAP);
            Some(most.mul_f64(rand::random::<f64>()).max(Duration::from_millis(50)))
        }
    }
}
