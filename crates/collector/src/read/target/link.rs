//! What may change under a target that runs: the way in.
//!
//! A password that was rotated, or an authority, is no reason to begin anew: sessions that are open stay so, counters keep their baseline,
//! and the next session takes the new login.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::needs::{Host, LogSource};
use crate::connect::conninfo::Conninfo;

/// Shared by a target and whoever found it.
#[derive(Debug)]
pub(crate) struct Link {
    state: Mutex<State>,
    /// Rung where the server did not take the login, or is not who it should be.
    bell: Option<Arc<Notify>>,
    /// Where the server runs, if that is known.
    host: Option<Arc<dyn Host>>,
    /// Where the server's log is read, if it is.
    log: Option<Arc<dyn LogSource>>,
}

#[derive(Debug)]
struct State {
    conninfo: Arc<Conninfo>,
    /// Counts the changes of it.
    login: u64,
    refused: bool,
    has_answered: bool,
}

impl Link {
    /// Of a target that the configuration names: nothing changes.
    pub(crate) fn fixed(conninfo: Conninfo) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(conninfo)), bell: None, host: None, log: None })
    }

    /// Of a target that was found; the bell is rung where its way in may have changed.
    pub(crate) fn found(conninfo: Conninfo, bell: Arc<Notify>, host: Arc<dyn Host>, log: Option<Arc<dyn LogSource>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(conninfo)), bell: Some(bell), host: Some(host), log })
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
