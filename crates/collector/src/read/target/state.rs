//! The state that the loops of a target share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pganalytics_views::View;

use super::link::Link;
use super::seat::Seats;
use crate::config::TargetOptions;
use crate::read::breaker::Breaker;
use crate::read::cost::Cost;
use crate::read::log::Prefix;
use crate::read::metrics::Metrics;
use crate::read::schedule::RoundTrip;
use crate::read::session::Session;
use crate::ship::gather::Gather;

/// The state that all targets of a collector share.
#[derive(Debug)]
pub(crate) struct Common {
    pub collector: String,
    pub views: Vec<Arc<View>>,
    pub gather: Arc<Gather>,
    pub metrics: Arc<Metrics>,
}

/// The state that the loops of a target share.
#[derive(Debug)]
pub(crate) struct Target {
    pub options: TargetOptions,
    pub link: Arc<Link>,
    pub common: Arc<Common>,
    /// The sampler's session on the target's own database. While a slow view occupies the reader's session, the reader borrows this one for
    /// fast views.
    pub second: tokio::sync::Mutex<Option<Session>>,
    /// Notified when sessions must leave a database.
    pub leave: tokio::sync::Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) breaker: Breaker,
    /// The number of the link's login that was tried last.
    pub(super) login: u64,
    /// Whether the server answers. `None` before the first try.
    pub(super) up: Option<bool>,
    /// Whether the server is up again and the reader has not noticed yet.
    pub(super) is_back: bool,
    /// The last error that was logged for each view that cannot be read.
    pub(super) said: HashMap<String, String>,
    /// The start time of the postmaster. Another postmaster has other counters.
    pub(super) postmaster_start_us: Option<i64>,
    pub(super) cost: Cost,
    pub(super) round_trip: RoundTrip,
    /// When the server last answered a query of any loop. `None` after a session broke or the server stopped answering.
    pub(super) answered: Option<Instant>,
    pub(super) writes: Option<Arc<Writes>>,
    pub(super) seats: Seats,
}

/// How the server writes its log.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub prefix: Prefix,
    /// Whether the server writes its log to files (`logging_collector`) and not to its standard error.
    pub to_files: bool,
}

impl Target {
    pub(super) fn new(options: TargetOptions, link: Arc<Link>, common: Arc<Common>) -> Self {
        Self { options, link, common, second: tokio::sync::Mutex::default(), leave: tokio::sync::Notify::new(), state: Mutex::default() }
    }

    /// Records how the server writes its log, as its settings say.
    pub(super) fn set_log_settings(&self, line_prefix: &str, to_files: bool) {
        if self.link.log().is_some() {
            self.state().writes = Some(Arc::new(Writes { prefix: Prefix::new(line_prefix), to_files }));
        }
    }

    /// How the server writes its log. The default, if the server has not been asked yet.
    pub(super) fn writes(&self) -> Arc<Writes> {
        self.state().writes.clone().unwrap_or_default()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The collected view with this name.
    #[must_use]
    pub(super) fn view(&self, name: &str) -> Option<Arc<View>> {
        self.common.views.iter().find(|view| view.name == name).cloned()
    }
}
