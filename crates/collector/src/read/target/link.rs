//! The login of a running target, which may change.
//!
//! A rotated password or certificate authority does not restart the target: open sessions stay open, counters keep their baseline, and the
//! next session uses the new login.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::needs::{Host, LogSource};
use crate::connect::conninfo::Conninfo;

/// The connection between a target and its discovery.
#[derive(Debug)]
pub(crate) struct Link {
    state: Mutex<State>,
    /// Notified when the server refuses the login, or its certificate is not the expected one.
    bell: Option<Arc<Notify>>,
    /// The host of the server, if it is known.
    host: Option<Arc<dyn Host>>,
    /// The source of the server's log, if the log is read.
    log: Option<Arc<dyn LogSource>>,
}

#[derive(Debug)]
struct State {
    conninfo: Arc<Conninfo>,
    /// Counts the changes of `conninfo`.
    login: u64,
    refused: bool,
    has_answered: bool,
}

impl Link {
    /// The link of a configured target, which never changes.
    pub(crate) fn fixed(conninfo: Conninfo) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(conninfo)), bell: None, host: None, log: None })
    }

    /// The link of a discovered target. The bell is notified when the login may have changed.
    pub(crate) fn found(conninfo: Conninfo, bell: Arc<Notify>, host: Arc<dyn Host>, log: Option<Arc<dyn LogSource>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(conninfo)), bell: Some(bell), host: Some(host), log })
    }

    pub(crate) fn conninfo(&self) -> Arc<Conninfo> {
        Arc::clone(&self.state().conninfo)
    }

    /// Sets the login. Returns true if the login differs from the previous one.
    pub(crate) fn replace(&self, conninfo: Conninfo) -> bool {
        let mut state = self.state();
        if *state.conninfo == conninfo {
            return false;
        }
        state.conninfo = Arc::new(conninfo);
        state.login += 1;
        true
    }

    /// Whether the login has changed since `seen`. Updates `seen`.
    pub(crate) fn is_new_to(&self, seen: &mut u64) -> bool {
        let now = self.state().login;
        std::mem::replace(seen, now) != now
    }

    /// Records that the server refused the login, or that its certificate is not the expected one.
    pub(crate) fn refused(&self) {
        if let Some(bell) = &self.bell {
            self.state().refused = true;
            bell.notify_one();
        }
    }

    /// Whether the login was refused since the last call.
    pub(crate) fn was_refused(&self) -> bool {
        std::mem::take(&mut self.state().refused)
    }

    /// Records that the server accepted the login.
    pub(crate) fn answered(&self) {
        self.state().has_answered = true;
    }

    /// Whether the server has ever accepted a login.
    pub(crate) fn has_answered(&self) -> bool {
        self.state().has_answered
    }

    pub(crate) fn host(&self) -> Option<Arc<dyn Host>> {
        self.host.clone()
    }

    pub(crate) fn log(&self) -> Option<Arc<dyn LogSource>> {
        self.log.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(conninfo: Conninfo) -> Self {
        Self { conninfo: Arc::new(conninfo), login: 0, refused: false, has_answered: false }
    }
}
