//! What the loops of a target share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pganalytics_views::View;

use super::link::Link;
use crate::config::TargetOptions;
use crate::read::breaker::Breaker;
use crate::read::cost::Cost;
use crate::read::log::Prefix;
use crate::read::metrics::Metrics;
use crate::read::schedule::RoundTrip;
use crate::read::session::Session;
use crate::ship::gather::Gather;

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
    /// The sampler's session, on the target's own database. The reader borrows it for fast views while a slow view holds its own.
    pub second: tokio::sync::Mutex<Option<Session>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) breaker: Breaker,
    /// Which of the link's logins was tried last.
    pub(super) login: u64,
    /// `None` before anybody has tried.
    pub(super) up: Option<bool>,
    /// The server is back, and nobody has taken note yet.
    pub(super) is_back: bool,
    /// What was said about views that cannot be read.
    pub(super) said: HashMap<String, String>,
    /// When the postmaster that answers was started: another one means other counters.
    pub(super) postmaster_start_us: Option<i64>,
    pub(super) cost: Cost,
    pub(super) round_trip: RoundTrip,
    /// When the server last answered a query of any loop, on a session that still stands.
    pub(super) answered: Option<Instant>,
    pub(super) writes: Option<Arc<Writes>>,
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
        Self { options, link, common, second: tokio::sync::Mutex::default(), state: Mutex::default() }
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view's name among those that are collected.
    #[must_use]
    pub(super) fn view(&self, name: &str) -> Option<Arc<View>> {
        self.common.views.iter().find(|view| view.name == name).cloned()
    }
}
