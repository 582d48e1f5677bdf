//! The loop that holds the pods and owns the targets.

use std::sync::Arc;
use std::time::Duration;

use pganalytics_kubernetes::api::Pod;
use pganalytics_kubernetes::{ApiError, Event, Watch};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::known::{Discovery, Known};
use crate::read::target::Common;

/// The most events that wait while the loop is busy. If the queue is full, the watches wait.
pub(super) const QUEUE: usize = 64;
/// The shortest time between two attempts after refused logins, so that repeated refusals do not flood the API.
const REREAD_REFUSED: Duration = Duration::from_secs(5);
/// The wait if no attempt is planned.
const IDLE: Duration = Duration::from_secs(3_600);

/// An event and the index of the watch that reported it.
type Heard = (usize, Result<Event<Pod>, ApiError>);

/// Discovers servers and runs a target for each until `stop`.
pub(crate) async fn run(discovery: Discovery, common: Arc<Common>, stop: CancellationToken) {
    let known = Known::new(discovery, common, stop);
    let (events, heard) = mpsc::channel(QUEUE);
    let mut watches = JoinSet::new();
    for (at, scope) in known.scopes.iter().enumerate() {
        watches.spawn(listen(at, Watch::new(Arc::clone(&known.client), scope.clone()), events.clone()));
    }
    drop(events);
    Box::pin(known.follow(heard)).await;
}

/// Forwards the events of a watch to the loop.
async fn listen(at: usize, mut watch: Watch<Pod>, events: mpsc::Sender<Heard>) {
    loop {
        let event = watch.next().await;
        if events.send((at, event)).await.is_err() {
            return;
        }
    }
}

impl Known {
    pub(super) async fn follow(mut self, mut heard: mpsc::Receiver<Heard>) {
        let bell = Arc::clone(&self.bell);
        loop {
            let next = self.pods.values().filter_map(|found| found.next).min().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                () = self.stop.cancelled() => break,
                event = heard.recv() => match event {
                    Some((at, event)) => self.handle_event(at, event),
                    None => break,
                },
                Some(attempt) = self.attempts.join_next() => match attempt {
                    Ok(attempt) => self.settle(attempt),
                    Err(error) => tracing::error!(%error, "the task that connects to a discovered server panicked"),
                },
                Some(ended) = self.targets.join_next() => self.ended(ended),
                () = bell.notified() => self.login_refused(),
                () = tokio::time::sleep_until(next) => {}
            }
            self.begin_attempts();
            self.count();
        }
        // The same token stops the targets. Each hands over its remaining rows before it ends.
        while self.targets.join_next().await.is_some() {}
    }

    /// A server has refused its login: plans an attempt that reads the login again.
    fn login_refused(&mut self) {
        for found in self.pods.values_mut() {
            if found.running.as_ref().is_some_and(|running| running.link.was_refused()) {
                let earliest = found.last_attempt.map_or_else(Instant::now, |last| last + REREAD_REFUSED);
                found.next = Some(found.next.map_or(earliest, |next| next.min(earliest)));
            }
        }
    }

    /// A target's task has ended: removes the server's metrics, unless the server has another target.
    fn ended(&mut self, ended: Result<String, tokio::task::JoinError>) {
        if let Ok(server) = ended
            && !self.pods.values().any(|found| found.server == server && found.running.is_some())
        {
            self.common.metrics.forget(&server, &self.common.views);
        }
    }
}
