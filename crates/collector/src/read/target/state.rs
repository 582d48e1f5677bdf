//! What the loops of a target share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pganalytics_views::View;

use super::link::Link;
use crate::clock::now_us;
use crate::config::TargetOptions;
use crate::connect::conninfo::Address;
use crate::delta::rows::Snapshot;
use crate::read::breaker::Breaker;
use crate::read::cost::{Cost, Reading};
use crate::read::log::Prefix;
use crate::read::metrics::Metrics;
use crate::read::session::{Session, SessionError};
use crate::ship::batch::Gather;

/// What all targets of a collector share.
#[derive(Debug)]
pub(crate) struct Common {
    pub collector: String,
    pub views: Vec<Arc<View>>,
    pub gather: Arc<Gather>,
    pub metrics: Arc<Metrics>,
}

/// What the loops of a target share.
#[derive(Debug)]
pub(crate) struct Target {
    pub options: TargetOptions,
    pub link: Arc<Link>,
    pub common: Arc<Common>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    /// Which of the link's logins was tried last.
    login: u64,
    /// `None` before anybody has tried.
    up: Option<bool>,
    /// The server is back, and nobody has taken note yet.
    is_back: bool,
    /// What was said about views that cannot be read.
    said: HashMap<String, String>,
    /// When the postmaster that answers was started: another one means other counters.
    postmaster_start_us: Option<i64>,
    cost: Cost,
    /// The shortest any query took: the network's part, which is not the server's time.
    round_trip: Option<Duration>,
    writes: Option<Arc<Writes>>,
}

/// How the server writes its log.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub prefix: Prefix,
    /// To files of its own (`logging_collector`), not to its output.
    pub to_files: bool,
}

impl Target {
    pub(super) fn new(options: TargetOptions, link: Arc<Link>, common: Arc<Common>) -> Self {
        Self { options, link, common, state: Mutex::default() }
    }

    /// Something to know about a view that is no failed reading.
    pub(super) fn note(&self, view: &str, note: &str) {
        self.state().cost.note(view, None, note);
    }

    /// The costs since the last telling, and the milliseconds they cover.
    pub(super) fn tell_cost(&self, view: &View) -> (Snapshot, Option<i64>) {
        self.state().cost.tell(view, now_us())
    }

    /// The server itself says how it writes its log.
    pub(super) fn tells_log(&self, line_prefix: &str, to_files: bool) {
        if self.link.log().is_some() {
            self.state().writes = Some(Arc::new(Writes { prefix: Prefix::new(line_prefix), to_files }));
        }
    }

    /// How it does; as nobody knows it where it has not said.
    pub(super) fn writes(&self) -> Arc<Writes> {
        self.state().writes.clone().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view's name among those that are collected.
    #[must_use]
    pub(super) fn view(&self, name: &str) -> Option<Arc<View>> {
        self.common.views.iter().find(|view| view.name == name).cloned()
    }

    /// Whether the server answered last time.
    #[must_use]
    pub(super) fn is_up(&self) -> bool {
        self.state().up == Some(true)
    }

    /// Takes note that the server answered, or why not; said once for each change. Whether it is back after it was down.
    pub(super) fn set_up(&self, error: Option<&SessionError>) -> bool {
        let server = self.options.name.as_str();
        if error.is_none() {
            self.link.answered();
        }
        let before = self.state().up.replace(error.is_none());
        match error {
            Some(error) if before != Some(false) => tracing::warn!(server, %error, "the server does not answer"),
            None if before != Some(true) => tracing::info!(server, "the server answers"),
            _ => {}
        }
        self.common.metrics.target(server, error.is_none());
        before == Some(false) && error.is_none()
    }

    /// Whether a try to connect may be made now; else why the last one failed.
    pub(super) fn may_connect(&self) -> Result<(), String> {
        let mut state = self.state();
        if self.link.is_new_to(&mut state.login) {
            // Another way in is worth a try at once.
            state.breaker = Breaker::default();
        }
        if state.breaker.allows(Instant::now()) { Ok(()) } else { Err(state.breaker.error().unwrap_or_default().into()) }
    }

    /// A session on the target's own database. Its failure opens the breaker.
    pub(super) async fn open(&self) -> Result<Session, SessionError> {
        let opened = Session::open(&self.link.conninfo(), None).await;
        if opened.as_ref().is_err_and(SessionError::is_wrong_way_in) {
            self.link.refused();
        }
        {
            let mut state = self.state();
            match &opened {
                Ok(_) => state.breaker.succeeded(),
                Err(error) => state.breaker.failed(error.to_string(), Instant::now(), rand::random()),
            }
        }
        if self.set_up(opened.as_ref().err()) {
            self.state().is_back = true;
        }
        opened
    }

    /// Whether the server came back since this was asked last.
    pub(super) fn is_back(&self) -> bool {
        std::mem::take(&mut self.state().is_back)
    }

    /// Notes which postmaster answers; whether it is another one than before.
    pub(super) fn is_another_postmaster(&self, start_us: i64) -> bool {
        self.state().postmaster_start_us.replace(start_us).is_some_and(|before| before != start_us)
    }

    /// The time a reading took the server: what is left when the network's part is taken away.
    pub(super) fn busy(&self, took: Duration) -> Duration {
        let mut state = self.state();
        let round_trip = state.round_trip.map_or(took, |known| known.min(took));
        state.round_trip = Some(round_trip);
        took.saturating_sub(round_trip)
    }

    /// A view was read and its rows handed on.
    pub(super) fn was_read(&self, view: &str, database: Option<&str>, reading: Reading) {
        let mut state = self.state();
        state.cost.read(view, database, reading);
        if database.is_none() {
            state.said.remove(view);
        }
        drop(state);
        self.common.metrics.view_read(&self.options.name, view, reading.duration, reading.rows_shipped);
    }

    /// Rows that several readings came to were handed on.
    pub(super) fn were_shipped(&self, view: &str, rows: u64) {
        self.state().cost.shipped(view, rows);
        self.common.metrics.view_shipped(&self.options.name, view, rows);
    }

    /// A view could not be read.
    pub(super) fn was_not_read(&self, view: &str, database: Option<&str>, took: Duration, error: &str) {
        let mut state = self.state();
        state.cost.failed(view, database, took, error);
        // A server that is down is spoken of elsewhere; a view's trouble is said once, until it changes.
        let new = state.up == Some(true) && state.said.get(view).is_none_or(|said| said != error);
        if new {
            state.said.insert(view.into(), error.into());
        }
        drop(state);
        self.common.metrics.view_failed(&self.options.name, view);
        if new {
            tracing::warn!(server = self.options.name, view, database, error, "a view could not be read; `doctor` tells what helps");
        }
    }

    /// Whether the server runs on this machine, so that /proc is its host's.
    pub(super) fn is_local(&self, server_addr: Option<&str>) -> bool {
        let own = |address: &str| address.parse::<std::net::IpAddr>().is_ok_and(is_own);
        self.link.conninfo().hosts.first().is_some_and(|host| match &host.at {
            Address::Socket(_) => true,
            Address::Tcp(name) => name == "localhost" || own(name) || server_addr.is_some_and(own),
        })
    }
}

/// Only an address of this machine can be bound.
fn is_own(address: std::net::IpAddr) -> bool {
    address.is_loopback() || (!address.is_unspecified() && std::net::UdpSocket::bind((address, 0)).is_ok())
}
