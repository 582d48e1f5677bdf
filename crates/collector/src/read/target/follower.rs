//! `postgres_log`: the entries of the server's log, if the log can be read, summed over ten seconds.
//!
//! # Promise
//! The loop needs no connection to the server, so the log of a server that is down still shows the cause. The lines of one piece are gathered
//! for shipping before the next piece is read. At the end one last piece is read, so that the last lines are not lost. The log is polled at
//! intervals like every view: streaming would keep one connection to the API open for each server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::needs::{LogSource, Piece};
use super::state::Target;
use crate::clock::now_us;
use crate::delta;
use crate::read::cost::Reading;
use crate::read::log::{Window, parse};

pub(super) const VIEW: &str = "postgres_log";
/// The time limit for the last piece.
const LAST: Duration = Duration::from_secs(1);
/// The error if the server writes its log to files and the log that is read lacks them.
const TO_FILES: &str = "the server writes its log to its own files, so the pod's log does not contain it: set logging_collector = off, or \
                        log_destination = stderr with a sidecar that prints the files";

/// Reads the log until `stop` is cancelled.
pub(super) async fn run(target: Arc<Target>, stop: CancellationToken) {
    let (Some(view), Some(log)) = (target.view(VIEW), target.link.log()) else { return };
    let mut follower = Follower { target, view, log, last_us: now_us() };
    // A random phase spreads the readings of many servers.
    let first = tokio::time::Instant::now() + follower.view.interval.mul_f64(rand::random());
    let mut ticks = tokio::time::interval_at(first, follower.view.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let rounds = async {
        loop {
            ticks.tick().await;
            follower.read().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = rounds => {}
    }
    let _ = tokio::time::timeout(LAST, follower.read()).await;
}

struct Follower {
    target: Arc<Target>,
    view: Arc<View>,
    log: Arc<dyn LogSource>,
    last_us: i64,
}

impl Follower {
    async fn read(&mut self) {
        let begun = Instant::now();
        match self.log.read().await {
            Ok(piece) => self.gather(piece, begun),
            Err(error) => self.target.was_not_read(VIEW, None, begun.elapsed(), &error),
        }
    }

    fn gather(&mut self, piece: Piece, begun: Instant) {
        let server = self.target.options.name.as_str();
        let writes = self.target.writes();
        let mut window = Window::default();
        let lines = piece.lines.len() as u64;
        for (at, line) in piece.lines {
            if let Some(entry) = parse(&line, &writes.prefix) {
                window.add(entry, at.timestamp_micros(), self.view.max_rows);
            }
        }
        if piece.skipped_s > 0 {
            tracing::warn!(server, skipped_s = piece.skipped_s, "the server's log grows faster than it can be read: a part was skipped");
        }
        if window.is_empty() && writes.to_files && !self.log.includes_files() {
            return self.target.was_not_read(VIEW, None, begun.elapsed(), TO_FILES);
        }
        let ts_us = now_us();
        let interval_ms = Some(((ts_us - self.last_us) / 1_000).max(0));
        self.last_us = ts_us;
        let snapshot = window.finish(&self.view, ts_us);
        match delta::already_deltas(&self.view, server, &snapshot, interval_ms) {
            Ok(rows) => {
                let shipped = rows.num_rows() as u64;
                self.target.common.gather.add(VIEW, rows);
                let reading = Reading { duration: begun.elapsed(), rows_read: lines, rows_shipped: shipped, rows_cut: snapshot.cut };
                self.target.was_read(VIEW, None, reading);
            }
            Err(error) => self.target.was_not_read(VIEW, None, begun.elapsed(), &error.to_string()),
        }
    }
}
