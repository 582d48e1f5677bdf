//! One pod that has to do with PostgreSQL: its state, and the time of its next attempt.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state::{Speaks, State};

use crate::find::kubernetes::log::PodLog;
use crate::find::kubernetes::pod::{Facts, PodHost};
use crate::find::kubernetes::recognise::Candidate;
use crate::read::target::Link;

/// The wait after the first failed attempt. The wait doubles with each failure.
const RETRY: Duration = Duration::from_secs(2);

/// One pod that has to do with PostgreSQL.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) scope: usize,
    pub(super) uid: String,
    pub(super) server: String,
    pub(super) created: Option<String>,
    /// The server to reach. `None`: the pod is only counted.
    pub(super) intended: Option<Intended>,
    pub(super) state: State,
    /// The last message about the pod in the log.
    pub(super) last_reported: String,
    pub(super) attempt_under_way: bool,
    /// The last answer of the pod; see [`Self::speaks`].
    pub(super) speaks: Speaks,
    pub(super) failures: u32,
    pub(super) next: Option<Instant>,
    pub(super) last_attempt: Option<Instant>,
    /// The target, if one runs.
    pub(super) running: Option<Running>,
    /// How far the log was read. The position survives a change of the target.
    pub(super) log: Option<Arc<PodLog>>,
}

/// A server that discovery wants to reach.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Intended {
    pub(super) candidate: Candidate,
    pub(super) address: Option<IpAddr>,
    pub(super) facts: Arc<Facts>,
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) link: Arc<Link>,
    pub(super) pod: Arc<PodHost>,
    pub(super) stop: CancellationToken,
}

impl Intended {
    /// Whether both servers are reached in the same way.
    pub(super) fn reaches_as(&self, other: &Self) -> bool {
        // A failover changes the role only, not the way in.
        let way = |candidate: &Candidate| Candidate { role: None, ..candidate.clone() };
        self.address == other.address && way(&self.candidate) == way(&other.candidate)
    }
}

impl Found {
    pub(super) fn new(scope: usize, uid: String, server: String, created: Option<String>, log: Option<Arc<PodLog>>) -> Self {
        Self {
            scope,
            uid,
            server,
            created,
            intended: None,
            state: State::Waiting,
            last_reported: String::new(),
            attempt_under_way: false,
            speaks: Speaks::Nothing,
            failures: 0,
            next: None,
            last_attempt: None,
            running: None,
            log,
        }
    }

    /// What the pod speaks. A pod whose target has connected speaks PostgreSQL, whatever it answered before.
    pub(super) fn speaks(&self) -> Speaks {
        let has_answered = self.running.as_ref().is_some_and(|running| running.link.has_answered());
        if has_answered { Speaks::Postgresql } else { self.speaks }
    }

    /// Plans the next attempt. The wait grows with each failure in a row, up to the cap.
    pub(super) fn wait(&mut self, cap: Duration) {
        let wait = RETRY.saturating_mul(2_u32.saturating_pow(self.failures)).min(cap);
        self.failures = self.failures.saturating_add(1);
        self.next = Some(Instant::now() + wait.mul_f64(0.75 + rand::random::<f64>() / 4.0));
    }

    /// Stops the target, if one runs.
    pub(super) fn halt(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.cancel();
        }
    }

    /// Sets the state, and logs the reason once.
    pub(super) fn set_state(&mut self, key: &str, state: State, why: String) {
        self.state = state;
        if self.last_reported == why {
            return;
        }
        match state {
            State::LeftOut => tracing::debug!(pod = key, why, "a pod is skipped"),
            _ if why.is_empty() => {}
            _ => tracing::warn!(pod = key, state = state.name(), why, "a pod that should be a PostgreSQL server is not read"),
        }
        self.last_reported = why;
    }

    /// Records a failed attempt. A running target goes on with its last login.
    pub(super) fn fail(&mut self, key: &str, state: State, why: String, cap: Duration) {
        self.wait(cap);
        match self.running {
            Some(_) if self.last_reported == why => {}
            Some(_) => {
                tracing::warn!(server = self.server, why, "the server's login cannot be read again; the last login stays in use");
                self.last_reported = why;
            }
            None => self.set_state(key, state, why),
        }
    }
}
