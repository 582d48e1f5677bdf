//! The reader's state: what it knows about its server, and its sessions.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;

use crate::delta::Delta;
use crate::read::probe::activity;
use crate::read::probe::extension::Installed;
use crate::read::probe::server::ServerProbe;
use crate::read::probe::sql::SqlProbe;
use crate::read::probe::texts::Texts;
use crate::read::schedule::Schedule;
use crate::read::session::{Session, SessionError};
use crate::read::target::extensions::Extensions;
use crate::read::target::follower;
use crate::read::target::lacking::Lacking;
use crate::read::target::refusals::Refusals;
use crate::read::target::sessions::Sessions;
use crate::read::target::state::Target;

/// Views that other loops read.
const APART: [&str; 2] = [activity::VIEW, follower::VIEW];
/// The smallest phase, so that the second snapshot, which makes the first deltas, does not follow the first one at once.
const EARLIEST_PHASE: f64 = 0.1;

/// The key of a delta engine: a view, and its database if the view is read in each database.
pub(super) type Place = (String, Option<String>);

pub(super) struct Reader {
    pub(super) target: Arc<Target>,
    pub(super) schedule: Schedule,
    pub(super) sessions: Sessions,
    pub(super) own_database: Option<String>,
    pub(super) major: u32,
    pub(super) server: ServerProbe,
    pub(super) texts: Texts,
    pub(super) extensions: Extensions,
    /// Each view's query for this server's version, and what the query was made for.
    pub(super) probes: HashMap<String, (MadeFor, Option<SqlProbe>)>,
    pub(super) lacking: Lacking,
    pub(super) deltas: HashMap<Place, Delta>,
    pub(super) refusals: Refusals,
    /// The name of the view that is being read.
    pub(super) reading: String,
    /// Views that are due.
    pub(super) waiting: VecDeque<Arc<View>>,
    /// Views for the next round through the databases.
    pub(super) of_databases: Vec<Arc<View>>,
    pub(super) round: Round,
    pub(super) local: Option<bool>,
    pub(super) server_addr: Option<String>,
    pub(super) in_recovery: Option<bool>,
}

/// What a query was made for: the installed extension, and the columns that are null because the server refuses them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MadeFor {
    pub(super) installed: Installed,
    pub(super) refused: BTreeSet<usize>,
}

/// The current round through the databases.
#[derive(Default)]
pub(super) struct Round {
    pub(super) databases: VecDeque<Option<String>>,
    pub(super) views: Vec<Arc<View>>,
    pub(super) busy: HashMap<String, Duration>,
}

impl Reader {
    pub(super) fn new(target: Arc<Target>) -> Self {
        let views = target.common.views.iter().filter(|view| !APART.contains(&view.name.as_str())).cloned();
        let phase = EARLIEST_PHASE + (1.0 - EARLIEST_PHASE) * rand::random::<f64>();
        Self {
            schedule: Schedule::new(views, Instant::now(), phase),
            sessions: Sessions::new(target.options.max_connections.saturating_sub(1)),
            own_database: None,
            major: 0,
            server: ServerProbe::default(),
            texts: Texts::default(),
            extensions: Extensions::default(),
            probes: HashMap::new(),
            lacking: Lacking::default(),
            deltas: HashMap::new(),
            refusals: Refusals::default(),
            reading: String::new(),
            waiting: VecDeque::new(),
            of_databases: Vec::new(),
            round: Round::default(),
            local: None,
            server_addr: None,
            in_recovery: None,
            target,
        }
    }

    /// Returns the session on a database (`None`: the target's own), and opens a session if there is none.
    pub(super) async fn session(&mut self, database: Option<&str>) -> Result<&mut Session, SessionError> {
        let database = self.key(database);
        if self.sessions.get(database).is_none() {
            self.target.may_connect()?;
            let target = Arc::clone(&self.target);
            match database {
                Some(name) => {
                    if let Some(refusal) = self.refusals.get(name, Instant::now()) {
                        return Err(refusal.clone());
                    }
                    if target.is_wanted(name) {
                        let message = format!("database {name} is left alone while another session drops, copies, renames or moves it");
                        return Err(SessionError::Connect { at: target.options.name.clone(), message, code: None });
                    }
                    self.sessions.make_room().await;
                    let conninfo = target.link.conninfo();
                    let opened = self.patiently(Session::open(&conninfo, Some(name))).await;
                    if let Err(error) = &opened {
                        self.refusals.failed(name, error, Instant::now());
                    }
                    self.sessions.add(Some(name.into()), opened?);
                }
                None => {
                    self.sessions.make_room().await;
                    let session = self.patiently(target.open()).await?;
                    self.record_server(&session);
                    self.sessions.add(None, session);
                }
            }
        }
        self.sessions.get(database).ok_or_else(|| SessionError::Broken("the session was closed".into()))
    }

    /// The key of a database among the sessions: `None` for the target's own database.
    pub(super) fn key<'a>(&self, database: Option<&'a str>) -> Option<&'a str> {
        database.filter(|name| self.own_database.as_deref() != Some(name))
    }

    /// Takes out the session on a database for a reading. `put` puts the session back.
    pub(super) async fn take(&mut self, database: Option<&str>) -> Result<Session, SessionError> {
        self.session(database).await?;
        self.sessions.take(self.key(database)).ok_or_else(|| SessionError::Broken("the session was closed".into()))
    }

    /// Puts a session back after a reading, unless the session broke.
    pub(super) fn put<T>(&mut self, database: Option<&str>, session: Session, outcome: &Result<T, SessionError>) {
        match outcome {
            Err(error) if !error.is_harmless() => self.target.broke(error),
            _ => {
                let database = self.key(database).map(Into::into);
                self.sessions.add(database, session);
            }
        }
    }

    /// Records the facts of the server that answers.
    fn record_server(&mut self, session: &Session) {
        let facts = &session.facts;
        if self.own_database.as_ref() != Some(&facts.database) {
            // The place of an extension is relative to the target's own database.
            self.extensions.clear();
            self.own_database = Some(facts.database.clone());
        }
        self.server_addr.clone_from(&facts.server_addr);
        self.target.set_log_settings(&facts.log_line_prefix, facts.logging_collector);
        self.local = None;
        if self.major != facts.major() {
            self.major = facts.major();
            self.probes.clear();
        }
        self.record_postmaster(facts.postmaster_start_us);
    }

    pub(super) fn record_postmaster(&mut self, start_us: i64) {
        if self.target.is_another_postmaster(start_us) {
            tracing::info!(
                server = self.target.options.name,
                "another postmaster answers (restart or failover): counters start from a new baseline"
            );
            self.deltas.values_mut().for_each(Delta::forget);
            self.extensions.clear();
            self.texts.moved();
            self.refusals.clear();
            self.lacking.clear();
            self.server = std::mem::take(&mut self.server).renewed();
            self.sessions.clear();
            self.schedule.hurry(Instant::now());
        }
    }
}
