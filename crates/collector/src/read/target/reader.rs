//! The loop that reads every view of a target but the sampled sessions.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::{Scope, Source, View};
use tokio_util::sync::CancellationToken;

use super::extensions::{Extensions, Home, Installed, SEARCHED, installed};
use super::sessions::Sessions;
use super::{DATABASES, LIST_TIMEOUT, Target, now_us};
use crate::delta::rows::Snapshot;
use crate::delta::{self, Delta};
use crate::find::kubernetes::pod::{self, Disagreement};
use crate::read::cost::Reading;
use crate::read::probe::server::{About, ServerProbe};
use crate::read::probe::sql::SqlProbe;
use crate::read::probe::texts::Texts;
use crate::read::probe::{host, log};
use crate::read::schedule::Schedule;
use crate::read::session::{Session, SessionError, text};

pub(super) const SERVER: &str = "pganalytics_server";
const COST: &str = "pganalytics_cost";
/// Read by loops of their own.
const APART: [&str; 2] = ["pg_stat_activity", log::VIEW];
const STATEMENTS: &str = "pg_stat_statements";
/// Read only where the server is a pod that discovery found.
const POD: &str = "kubernetes_pod";
const TEXTS: &str = "pg_stat_statements_text";
/// Phases begin here at the earliest, so that the second snapshot, which makes the first deltas, is no twin of the first.
const EARLIEST_PHASE: f64 = 0.1;
/// Between two looks at the clock where nothing is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);
/// Databases named by one query; the cap of the target is far below.
const LISTED_DATABASES: usize = 10_000;
/// SQLSTATEs that say an extension is no longer where it was: undefined table, function, schema.
const MOVED: [&str; 3] = ["42P01", "42883", "3F000"];

pub(super) async fn run(target: Arc<Target>, stop: CancellationToken) {
    let mut reader = Reader::new(target);
    tokio::select! {
        () = stop.cancelled() => {}
        () = reader.rounds() => {}
    }
    reader.tell_cost();
    reader.sessions.close().await;
}

/// The probe and the delta engine of a view in one database.
type Place = (String, Option<String>);

struct Reader {
    target: Arc<Target>,
    schedule: Schedule,
    sessions: Sessions,
    own_database: Option<String>,
    major: u32,
    server: ServerProbe,
    texts: Texts,
    extensions: Extensions,
    /// A view's query for this server's version, and the extension as it is installed.
    probes: HashMap<String, (Installed, Option<SqlProbe>)>,
    deltas: HashMap<Place, Delta>,
    round: Round,
    local: Option<bool>,
    server_addr: Option<String>,
    disagreement: Disagreement,
}

/// The round through the databases that is under way.
#[derive(Default)]
struct Round {
    databases: VecDeque<Option<String>>,
    views: Vec<Arc<View>>,
    busy: HashMap<String, Duration>,
}

impl Reader {
    fn new(target: Arc<Target>) -> Self {
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
            deltas: HashMap::new(),
            round: Round::default(),
            local: None,
            server_addr: None,
            disagreement: Disagreement::default(),
            target,
        }
    }

    async fn rounds(&mut self) {
        loop {
            let due = self.schedule.due(Instant::now());
            if !due.is_empty() {
                self.read_due(due).await;
            } else if let Some(database) = self.round.databases.pop_front() {
                self.read_database(database).await;
            } else {
                let now = Instant::now();
                let wait = self.schedule.next().map_or(LONGEST_SLEEP, |next| next.saturating_duration_since(now)).min(LONGEST_SLEEP);
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Everything that is due. The server's own row comes first: it says whether there is anything to read.
    async fn read_due(&mut self, mut due: Vec<Arc<View>>) {
        // Texts after the statements whose ids they are for, costs after everything they count.
        due.sort_by_key(|view| match view.name.as_str() {
            SERVER => 0,
            TEXTS => 2,
            COST => 3,
            _ => 1,
        });
        let mut of_databases = Vec::new();
        for view in due {
            match (view.scope, view.source, view.name.as_str()) {
                (Scope::Host, ..) => self.read_host(&view),
                (Scope::Database, Source::Sql, _) => of_databases.push(view),
                (Scope::Server, Source::Sql, _) => {
                    if let Some(busy) = self.read_sql(&view, None).await {
                        self.plan(&view, busy);
                    }
                }
                (_, Source::Probe, SERVER) => {
                    self.read_server(&view).await;
                    if self.target.is_back() {
                        // Everything at once, the rest of this round among it.
                        return self.schedule.hurry(Instant::now());
                    }
                }
                (_, Source::Probe, COST) => self.tell_cost(),
                (_, Source::Probe, TEXTS) => self.read_texts(&view).await,
                (_, Source::Probe, POD) => self.read_pod(&view),
                (.., name) => self.target.was_not_read(name, None, Duration::ZERO, "this collector has no probe of that name"),
            }
        }
        if !of_databases.is_empty() && self.round.databases.is_empty() {
            self.begin_round(of_databases).await;
        }
    }

    /// The next interval of a view after what it took the server.
    fn plan(&mut self, view: &View, busy: Duration) {
        if let Some(interval) = self.schedule.read(&view.name, busy, Instant::now()) {
            let server = self.target.options.name.as_str();
            self.target.common.metrics.view_interval(server, &view.name, interval);
            if interval > view.interval {
                let note = format!("over budget: it took {} ms and is read every {} s now", busy.as_millis(), interval.as_secs());
                self.target.state().cost.note(&view.name, None, &note);
                tracing::warn!(
                    server,
                    view = view.name,
                    read.duration_ms = busy.as_millis(),
                    interval_s = interval.as_secs(),
                    "a view is over its budget and is read less often"
                );
            }
        }
    }

    /// A session on a database (`None`: the target's own), opened where none is.
    async fn session(&mut self, database: Option<&str>) -> Result<&mut Session, SessionError> {
        let database = database.filter(|name| self.own_database.as_deref() != Some(name));
        if self.sessions.get(database).is_none() {
            self.target.may_connect().map_err(SessionError::Broken)?;
            match database {
                Some(name) => {
                    self.sessions.open(&self.target.link.conninfo(), name).await?;
                }
                None => {
                    self.sessions.make_room().await;
                    let session = self.target.open().await?;
                    self.meet(&session);
                    self.sessions.add(None, session);
                }
            }
        }
        self.sessions.get(database).ok_or_else(|| SessionError::Broken("the session is gone".into()))
    }

    /// Takes note of who answers.
    fn meet(&mut self, session: &Session) {
        let facts = &session.facts;
        self.own_database = Some(facts.database.clone());
        self.server_addr.clone_from(&facts.server_addr);
        self.target.link.tells_log(&facts.log_line_prefix, facts.logging_collector);
        self.local = None;
        if self.major != facts.major() {
            self.major = facts.major();
            self.probes.clear();
        }
        self.meet_postmaster(facts.postmaster_start_us);
    }

    fn meet_postmaster(&mut self, start_us: i64) {
        if self.target.is_another_postmaster(start_us) {
            tracing::info!(server = self.target.options.name, "another postmaster answers than before: counters have a new beginning");
            self.deltas.clear();
            self.extensions.clear();
            self.server = ServerProbe::default();
            self.sessions.clear();
            self.schedule.hurry(Instant::now());
        }
    }

    async fn read_server(&mut self, view: &Arc<View>) {
        let (ts_us, begun) = (now_us(), Instant::now());
        // First of all: the session may meet another server, of which everything is to be learned anew.
        let opened = self.session(None).await.map(|_| ());
        let target = Arc::clone(&self.target);
        let cpus = if self.is_local() { host::cpus() } else { None };
        let conninfo = target.link.conninfo();
        let about = About { conninfo: &conninfo, collector: &target.common.collector, cpus };
        let mut server = std::mem::take(&mut self.server);
        let mut outcome = match (opened, self.sessions.get(None)) {
            (Ok(()), Some(session)) => server.read(session, view, about, ts_us).await,
            (Ok(()), None) => Err(SessionError::Broken("the session is gone".into())),
            (Err(error), _) => Err(error),
        };
        if matches!(outcome, Err(SessionError::Broken(_))) && self.target.may_connect().is_ok() {
            // A session that broke says little about the server: it may be back already.
            self.sessions.forget(None);
            server = ServerProbe::default();
            outcome = match self.session(None).await {
                Ok(session) => server.read(session, view, about, ts_us).await,
                Err(error) => Err(error),
            };
        }
        let down = outcome.as_ref().err().map(|error| server.down(view, about, &error.to_string(), ts_us));
        self.server = server;
        self.target.set_up(outcome.as_ref().err());
        match (outcome, down) {
            (Ok(read), _) => {
                self.meet_postmaster(read.postmaster_start_us);
                self.target.link.tells_role(read.in_recovery);
                self.ship(view, None, &read.snapshot, read.took);
            }
            (Err(error), down) => {
                self.sessions.forget(None);
                self.target.was_not_read(SERVER, None, begun.elapsed(), &error.to_string());
                if let Some(snapshot) = down {
                    self.hand_on(view, None, &snapshot, Duration::ZERO);
                }
                // Nothing else can be read; the next round through the databases begins at its time.
                self.round = Round::default();
            }
        }
    }

    /// Reads one SQL view; what it took the server, where it was read.
    async fn read_sql(&mut self, view: &Arc<View>, database: Option<&str>) -> Option<Duration> {
        if !self.target.is_up() {
            return None;
        }
        let begun = Instant::now();
        match self.try_sql(view, database).await {
            Ok(None) => None,
            Ok(Some((snapshot, took))) => {
                self.ship(view, database, &snapshot, took);
                Some(self.target.busy(took))
            }
            Err(error) => {
                self.target.was_not_read(&view.name, database, begun.elapsed(), &error);
                // Time spent in vain is spent all the same.
                Some(begun.elapsed())
            }
        }
    }

    /// `None` where the server's version does not have the view.
    async fn try_sql(&mut self, view: &Arc<View>, database: Option<&str>) -> Result<Option<(Snapshot, Duration)>, String> {
        // Before the version is known nothing can be chosen.
        self.session(database).await.map_err(|error| error.to_string())?;
        if view.sql_for(self.major).is_none() {
            return Ok(None);
        }
        let home = match &view.extension {
            None => Home { database: database.map(Into::into), installed: Installed::default() },
            Some(extension) => self.home(extension).await?,
        };
        if self.probes.get(&view.name).is_none_or(|(of, _)| *of != home.installed) {
            let installed = view.extension.is_some().then_some(&home.installed);
            let probe = SqlProbe::new(view, self.major, installed);
            self.probes.insert(view.name.clone(), (home.installed.clone(), probe));
        }
        if let Some((installed, None)) = self.probes.get(&view.name)
            && let Some(extension) = &view.extension
        {
            return Err(format!(
                "extension {extension} {} is older than any that is read: run ALTER EXTENSION {extension} UPDATE where it is installed",
                installed.version
            ));
        }
        // Taken out for the reading, since the session borrows the reader too.
        let Some((of, Some(mut probe))) = self.probes.remove(&view.name) else { return Ok(None) };
        let outcome = match self.session(home.database.as_deref()).await {
            Ok(session) => probe.read(session, view, now_us()).await,
            Err(error) => Err(error),
        };
        self.probes.insert(view.name.clone(), (of, Some(probe)));
        outcome.map(Some).map_err(|error| self.after(&error, view, home.database.as_deref()))
    }

    /// What an error means for the session and for what is known; its text.
    fn after(&mut self, error: &SessionError, view: &View, database: Option<&str>) -> String {
        if !error.is_harmless() {
            let database = database.filter(|name| self.own_database.as_deref() != Some(name));
            self.sessions.forget(database);
        }
        if let Some(extension) = &view.extension
            && error.code().is_some_and(|code| MOVED.contains(&code))
        {
            self.extensions.forget(extension);
        }
        error.to_string()
    }

    /// Where an extension is, searched for where that is not known.
    async fn home(&mut self, extension: &str) -> Result<Home, String> {
        if let Some(known) = self.extensions.get(extension, Instant::now()) {
            return known;
        }
        let mut places: Vec<Option<String>> = vec![None];
        places.extend(self.databases().await.map_err(|error| error.to_string())?.into_iter().take(SEARCHED).map(Some));
        let own = self.own_database.clone();
        places.retain(|place| place.is_none() || *place != own);
        let mut searched = Vec::new();
        for place in places {
            let Ok(session) = self.session(place.as_deref()).await else { continue };
            searched.push(session.facts.database.clone());
            match installed(session, extension).await {
                Ok(None) => {}
                Ok(Some(installed)) => {
                    let home = Home { database: place, installed };
                    self.extensions.found(extension, home.clone());
                    return Ok(home);
                }
                Err(error) if error.is_harmless() => {}
                Err(_) => self.sessions.forget(place.as_deref()),
            }
        }
        Err(self.extensions.nowhere(extension, &searched, Instant::now()))
    }

    /// The databases that accept connections from us, by name.
    async fn databases(&mut self) -> Result<Vec<String>, SessionError> {
        let mut names = Vec::new();
        let session = self.session(None).await?;
        let listed = session.read(DATABASES, LIST_TIMEOUT, |row| {
            if names.len() < LISTED_DATABASES {
                names.extend(text(row, 0));
            }
        });
        if let Err(error) = listed.await {
            if !error.is_harmless() {
                self.sessions.forget(None);
            }
            return Err(error);
        }
        Ok(names)
    }

    /// A round through the databases begins.
    async fn begin_round(&mut self, views: Vec<Arc<View>>) {
        if !self.target.is_up() {
            return;
        }
        let names = match self.databases().await {
            Ok(names) => names,
            Err(error) => {
                for view in &views {
                    self.target.was_not_read(&view.name, None, Duration::ZERO, &format!("list the databases: {error}"));
                }
                return;
            }
        };
        let mut wanted: Vec<String> = names.into_iter().filter(|name| self.target.options.wants(name)).collect();
        let (found, cap) = (wanted.len(), self.target.options.max_databases);
        if found > cap {
            wanted.truncate(cap);
            for view in &views {
                let note = format!("{cap} of {found} databases are read: raise the target's max_databases, or choose with databases");
                self.target.state().cost.note(&view.name, None, &note);
            }
        }
        // Databases that are gone are forgotten.
        self.deltas.retain(|(_, database), _| database.as_ref().is_none_or(|database| wanted.contains(database)));
        // The own one first: its connection is open.
        wanted.sort_by_key(|name| self.own_database.as_ref() != Some(name));
        self.round = Round { databases: wanted.into_iter().map(Some).collect(), views, busy: HashMap::new() };
    }

    /// All views of the round in one database.
    async fn read_database(&mut self, database: Option<String>) {
        let views = self.round.views.clone();
        if self.target.is_up()
            && let Err(error) = self.session(database.as_deref()).await
        {
            // One error for all, and one try to connect.
            for view in &views {
                self.target.was_not_read(&view.name, database.as_deref(), Duration::ZERO, &error.to_string());
            }
            return;
        }
        for view in views {
            if let Some(busy) = self.read_sql(&view, database.as_deref()).await {
                *self.round.busy.entry(view.name.clone()).or_default() += busy;
            }
        }
        if self.round.databases.is_empty() {
            let round = std::mem::take(&mut self.round);
            for view in &round.views {
                self.plan(view, round.busy.get(&view.name).copied().unwrap_or_default());
            }
        }
    }

    /// Makes deltas of a snapshot and hands on what is shipped.
    fn ship(&mut self, view: &Arc<View>, database: Option<&str>, snapshot: &Snapshot, took: Duration) {
        if let Some(shipped) = self.hand_on(view, database, snapshot, took) {
            let rows_read = snapshot.rows as u64 + snapshot.cut;
            let reading = Reading { duration: took, rows_read, rows_shipped: shipped, rows_cut: snapshot.cut };
            self.target.was_read(&view.name, database, reading);
        }
    }

    /// Makes deltas of a snapshot and hands on what is shipped; how many rows that are.
    fn hand_on(&mut self, view: &Arc<View>, database: Option<&str>, snapshot: &Snapshot, took: Duration) -> Option<u64> {
        let place = (view.name.clone(), database.map(Into::into));
        let engine = self.deltas.entry(place).or_insert_with(|| Delta::new(Arc::clone(view)));
        match engine.apply(&self.target.options.name, snapshot) {
            Ok(rows) => {
                if view.name == STATEMENTS {
                    self.texts.saw(view, &rows);
                }
                let shipped = rows.num_rows() as u64;
                self.target.common.gather.add(&view.name, rows);
                Some(shipped)
            }
            Err(error) => {
                self.target.was_not_read(&view.name, database, took, &format!("make deltas: {error}"));
                None
            }
        }
    }

    /// Texts of statements that were seen and are not known.
    async fn read_texts(&mut self, view: &Arc<View>) {
        if !self.target.is_up() || !self.texts.wants(Instant::now()) {
            return;
        }
        let Some(extension) = view.extension.clone() else { return };
        let begun = Instant::now();
        // Where the extension is missing, the statements' own row says so.
        let Ok(home) = self.home(&extension).await else { return };
        let mut texts = std::mem::take(&mut self.texts);
        let outcome = match self.session(home.database.as_deref()).await {
            Ok(session) => texts.read(session, view, &home.installed.schema, now_us()).await,
            Err(error) => Err(error),
        };
        self.texts = texts;
        match outcome {
            Ok((snapshot, took)) => match delta::as_they_are(view, &self.target.options.name, &snapshot, None) {
                Ok(rows) => {
                    let count = rows.num_rows() as u64;
                    let reading = Reading { duration: took, rows_read: count, rows_shipped: count, rows_cut: snapshot.cut };
                    self.target.was_read(&view.name, None, reading);
                    self.target.common.gather.add(&view.name, rows);
                }
                Err(error) => self.target.was_not_read(&view.name, None, took, &error.to_string()),
            },
            Err(error) => {
                let text = self.after(&error, view, home.database.as_deref());
                self.target.was_not_read(&view.name, None, begun.elapsed(), &text);
            }
        }
    }

    fn read_host(&mut self, view: &Arc<View>) {
        if !self.is_local() {
            return;
        }
        let begun = Instant::now();
        match host::read(view, now_us()) {
            Ok(snapshot) => self.ship(view, None, &snapshot, begun.elapsed()),
            Err(error) => self.target.was_not_read(&view.name, None, begun.elapsed(), &format!("{error:#}")),
        }
    }

    fn read_pod(&mut self, view: &Arc<View>) {
        let Some(pod) = self.target.link.pod() else { return };
        let begun = Instant::now();
        let role = self.target.link.role();
        if let Some(what) = self.disagreement.look(pod.role, role) {
            tracing::warn!(server = self.target.options.name, "{what}");
        }
        match pod::read(view, &pod, role, now_us()) {
            Ok(snapshot) => self.ship(view, None, &snapshot, begun.elapsed()),
            Err(error) => self.target.was_not_read(&view.name, None, begun.elapsed(), &format!("{error:#}")),
        }
    }

    fn is_local(&mut self) -> bool {
        let addr = self.server_addr.as_deref();
        *self.local.get_or_insert_with(|| self.target.is_local(addr))
    }

    fn tell_cost(&mut self) {
        let Some(view) = self.target.view(COST) else { return };
        let (snapshot, interval_ms) = self.target.state().cost.tell(&view, now_us());
        match delta::as_they_are(&view, &self.target.options.name, &snapshot, interval_ms) {
            Ok(rows) => self.target.common.gather.add(&view.name, rows),
            Err(error) => tracing::error!(view = COST, %error, "costs could not be told"),
        }
    }
}
