//! What may change under a target that runs: the way in, and what is known of its pod.
//!
//! A password that was rotated, or an authority, is no reason to begin anew: sessions that are open stay so, counters keep their baseline,
//! and the next session takes the new login.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::connect::conninfo::Conninfo;
use crate::find::kubernetes::log::PodLog;
use crate::find::kubernetes::pod::Facts;
use crate::read::log::Prefix;

/// Shared by a target and whoever found it.
#[derive(Debug)]
pub(crate) struct Link {
    state: Mutex<State>,
    /// Rung where the server did not take the login, or is not who it should be.
    bell: Option<Arc<Notify>>,
    /// Where the server's log is read, if it is.
    log: Option<Arc<PodLog>>,
}

#[derive(Debug)]
struct State {
    conninfo: Arc<Conninfo>,
    /// Counts the changes of it.
    login: u64,
    refused: bool,
    has_answered: bool,
    pod: Option<Arc<Facts>>,
    in_recovery: Option<bool>,
    writes: Option<Arc<Writes>>,
}

/// How the server writes its log.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub prefix: Prefix,
    /// To files of its own (`logging_collector`), not to its output.
    pub to_files: bool,
}

impl Link {
    /// Of a target that the configuration names: nothing changes.
    pub(crate) fn fixed(conninfo: Conninfo) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(conninfo, None)), bell: None, log: None })
    }

    /// Of a pod; the bell is rung where its way in may have changed.
    pub(crate) fn of_pod(conninfo: Conninfo, pod: Arc<Facts>, bell: Arc<Notify>, log: Option<Arc<PodLog>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(conninfo, Some(pod))), bell: Some(bell), log })
    }

    pub(crate) fn conninfo(&self) -> Arc<Conninfo> {
        Arc::clone(&self.state().conninfo)
    }

    /// Takes another way in; whether it is another.
    pub(crate) fn replace(&self, conninfo: Conninfo) -> bool {
        let mut state = self.state();
        if *state.conninfo == conninfo {
            return false;
        }
        state.conninfo = Arc::new(conninfo);
        state.login += 1;
        true
    }

    /// Whether the way in has changed since `seen`, which is brought up to date.
    pub(crate) fn is_new_to(&self, seen: &mut u64) -> bool {
        let now = self.state().login;
        std::mem::replace(seen, now) != now
    }

    /// The server does not take the login, or is not who it should be.
    pub(crate) fn refused(&self) {
        if let Some(bell) = &self.bell {
            self.state().refused = true;
            bell.notify_one();
        }
    }

    /// Whether the login was refused since this was asked last.
    pub(crate) fn was_refused(&self) -> bool {
        std::mem::take(&mut self.state().refused)
    }

    /// The server has let us in.
    pub(crate) fn answered(&self) {
        self.state().has_answered = true;
    }

    /// Whether it ever has.
    pub(crate) fn has_answered(&self) -> bool {
        self.state().has_answered
    }

    pub(crate) fn pod(&self) -> Option<Arc<Facts>> {
        self.state().pod.clone()
    }

    pub(crate) fn set_pod(&self, pod: Arc<Facts>) {
        self.state().pod = Some(pod);
    }

    /// The server itself says what it is.
    pub(crate) fn tells_role(&self, in_recovery: Option<bool>) {
        self.state().in_recovery = in_recovery;
    }

    pub(crate) fn role(&self) -> Option<bool> {
        self.state().in_recovery
    }

    pub(crate) fn log(&self) -> Option<Arc<PodLog>> {
        self.log.clone()
    }

    /// The server itself says how it writes its log.
    pub(crate) fn tells_log(&self, line_prefix: &str, to_files: bool) {
        if self.log.is_some() {
            self.state().writes = Some(Arc::new(Writes { prefix: Prefix::new(line_prefix), to_files }));
        }
    }

    /// How it does; as nobody knows it where it has not said.
    pub(crate) fn writes(&self) -> Arc<Writes> {
        self.state().writes.clone().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(conninfo: Conninfo, pod: Option<Arc<Facts>>) -> Self {
        Self { conninfo: Arc::new(conninfo), login: 0, refused: false, has_answered: false, pod, in_recovery: None, writes: None }
    }
}
