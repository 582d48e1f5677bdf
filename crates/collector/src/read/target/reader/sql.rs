//! Reads an SQL view in one database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;

use super::memory::Reader;
use crate::clock::now_us;
use crate::delta::rows::Snapshot;
use crate::read::probe::extension::{Found, Installed, find};
use crate::read::probe::sql::SqlProbe;
use crate::read::session::SessionError;
use crate::read::target::extensions::Home;

/// SQLSTATEs of an extension that was moved or dropped: undefined table, function, schema.
const MOVED: [&str; 3] = ["42P01", "42883", "3F000"];

impl Reader {
    /// Reads one SQL view. Returns the server's work, if it is known.
    pub(super) async fn read_sql(&mut self, view: &Arc<View>, database: Option<&str>) -> Option<Duration> {
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
                self.target.was_not_read(&view.name, database, begun.elapsed(), &error.text);
                error.busy
            }
        }
    }

    /// Reads one SQL view. `None` if the server's version does not have the view.
    async fn try_sql(&mut self, view: &Arc<View>, database: Option<&str>) -> Result<Option<(Snapshot, Duration)>, Unread> {
        // The session comes first: the query depends on the server's version.
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
            let text = format!(
                "extension {extension} {} is older than the oldest version that is read: run ALTER EXTENSION {extension} UPDATE in the \
                 database where it is installed",
                installed.version
            );
            return Err(text.into());
        }
        // The probe is taken out for the reading, since taking the session borrows the reader too.
        let Some((of, Some(mut probe))) = self.probes.remove(&view.name) else { return Ok(None) };
        let place = home.database.as_deref();
        let begun = Instant::now();
        let outcome = match self.take(place).await {
            Ok(mut session) => {
                let outcome = self.patiently(probe.read(&mut session, view, now_us())).await;
                self.put(place, session, &outcome);
                outcome
            }
            Err(error) => Err(error),
        };
        self.probes.insert(view.name.clone(), (of, Some(probe)));
        outcome.map(Some).map_err(|error| {
            let busy = self.target.busy_after_failure(&error, begun.elapsed());
            Unread { text: self.after(&error, view), busy }
        })
    }

    /// Forgets the extension's home if the error shows that the extension moved. Returns the error's text.
    pub(super) fn after(&mut self, error: &SessionError, view: &View) -> String {
        if let Some(extension) = &view.extension
            && error.code().is_some_and(|code| MOVED.contains(&code))
        {
            self.extensions.forget(extension);
        }
        error.to_string()
    }

    /// The database where an extension is read. All databases are searched every few minutes, and the best one is chosen.
    pub(super) async fn home(&mut self, extension: &str) -> Result<Home, String> {
        if let Some(known) = self.extensions.get(extension, Instant::now()) {
            return known;
        }
        let mut places: Vec<Option<String>> = vec![None];
        let names = self.databases().await.map_err(|error| error.to_string())?;
        places.extend(names.into_iter().take(self.target.options.max_databases).map(Some));
        let own = self.own_database.clone();
        places.retain(|place| place.is_none() || *place != own);
        let (mut best, mut searched, mut unknown): (Option<(Found, Home)>, Vec<String>, Option<String>) = (None, Vec::new(), None);
        for place in places {
            let mut session = match self.take(place.as_deref()).await {
                Ok(session) => session,
                Err(error) => {
                    let is_closed = place.as_deref().is_some_and(|name| self.refusals.get(name, Instant::now()).is_some());
                    if !is_closed {
                        unknown = Some(error.to_string());
                    }
                    continue;
                }
            };
            searched.push(session.facts.database.clone());
            let outcome = self.patiently(find(&mut session, extension)).await;
            self.put(place.as_deref(), session, &outcome);
            match outcome {
                Ok(Some(found)) => {
                    let home = Home { database: place, installed: found.installed.clone() };
                    // The target's own database is searched first. Another database replaces it only with a higher rank.
                    if best.as_ref().is_none_or(|(known, _)| known.rank() < found.rank()) {
                        best = Some((found, home));
                    }
                }
                Ok(None) => {}
                Err(error) => unknown = Some(error.to_string()),
            }
            // A search through many databases takes long, so fast views are read in between.
            self.read_fast().await;
        }
        let now = Instant::now();
        match (best, unknown) {
            (Some((found, home)), _) if found.usable => {
                self.extensions.found(extension, home.clone(), now);
                Ok(home)
            }
            (Some((found, home)), _) => {
                let database = home.database.or(self.own_database.clone()).unwrap_or_default();
                Err(self.extensions.closed(extension, &found, &database, now))
            }
            // A database could not be searched, so the result is unknown. The next reading searches again.
            (None, Some(error)) => Err(format!("cannot search extension {extension}: {error}")),
            (None, None) => Err(self.extensions.nowhere(extension, &searched, now)),
        }
    }
}

/// Why a view was not read.
struct Unread {
    text: String,
    /// The server's work in the failed reading, if it is known.
    busy: Option<Duration>,
}

impl From<String> for Unread {
    fn from(text: String) -> Self {
        Self { text, busy: None }
    }
}
