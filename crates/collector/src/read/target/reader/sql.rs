//! Reads an SQL view in one database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;

use super::memory::{MadeFor, Reader};
use crate::clock::now_us;
use crate::delta::rows::Snapshot;
use crate::read::probe::extension::{Found, Installed, find};
use crate::read::probe::refused::{Refused, is_refusal, search};
use crate::read::probe::sql::SqlProbe;
use crate::read::probe::took::Took;
use crate::read::session::{Session, SessionError};
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
                self.ship(view, database, &snapshot, took.whole);
                if let Some(refused) = self.lacking.columns(&view.name, database, begun) {
                    self.target.lacks(&view.name, database, &refused.why(view));
                }
                Some(self.target.busy(took))
            }
            Err(_) if self.leaves(database) => {
                self.target.note(&view.name, "not read: another session drops, copies, renames or moves the database");
                None
            }
            Err(error) => {
                self.target.was_not_read(&view.name, database, begun.elapsed(), &error.text);
                error.busy
            }
        }
    }

    /// Reads one SQL view. `None` if the server's version does not have the view.
    async fn try_sql(&mut self, view: &Arc<View>, database: Option<&str>) -> Result<Option<(Snapshot, Took)>, Unread> {
        // The session comes first: the query depends on the server's version.
        self.session(database).await.map_err(|error| error.to_string())?;
        if view.sql_for(self.major).is_none() {
            return Ok(None);
        }
        let home = match &view.extension {
            None => Home { database: database.map(Into::into), installed: Installed::default() },
            Some(extension) => self.home(extension).await?,
        };
        self.prepare(view, database, home.installed.clone());
        if let Some((made_for, None)) = self.probes.get(&view.name)
            && let Some(extension) = &view.extension
        {
            let text = format!(
                "extension {extension} {} is older than the oldest version that is read: run ALTER EXTENSION {extension} UPDATE in the \
                 database where it is installed",
                made_for.installed.version
            );
            return Err(text.into());
        }
        // The probe is taken out for the reading, since taking the session borrows the reader too.
        let Some((made_for, Some(mut probe))) = self.probes.remove(&view.name) else { return Ok(None) };
        let place = home.database.as_deref();
        let begun = Instant::now();
        let outcome = match self.take(place).await {
            Ok(mut session) => {
                let mut outcome = self.patiently(probe.read(&mut session, view, now_us())).await;
                if let Err(error) = &outcome
                    && is_refusal(error)
                    && !self.lacking.is_known(&view.name, database, begun)
                {
                    outcome = self.read_without(&mut session, view, database, &made_for.installed, error.clone()).await;
                }
                self.put(place, session, &outcome);
                outcome
            }
            Err(error) => Err(error),
        };
        self.probes.entry(view.name.clone()).or_insert((made_for, Some(probe)));
        outcome.map(Some).map_err(|error| {
            let busy = self.target.busy_after_failure(&error, begun.elapsed());
            Unread { text: self.after(&error, view), busy }
        })
    }

    /// Makes the query, unless the last one is right.
    pub(super) fn prepare(&mut self, view: &Arc<View>, database: Option<&str>, installed: Installed) {
        let refused = self.lacking.columns(&view.name, database, Instant::now()).map(Refused::columns).unwrap_or_default();
        let made_for = MadeFor { installed, refused };
        if self.probes.get(&view.name).is_none_or(|(of, _)| *of != made_for) {
            let installed = view.extension.is_some().then_some(&made_for.installed);
            let probe = SqlProbe::without(view, self.major, installed, &made_for.refused);
            self.probes.insert(view.name.clone(), (made_for, probe));
        }
    }

    /// Reads a view that the server refused without the columns that it refuses.
    async fn read_without(
        &mut self,
        session: &mut Session,
        view: &Arc<View>,
        database: Option<&str>,
        installed: &Installed,
        refusal: SessionError,
    ) -> Result<(Snapshot, Took), SessionError> {
        let of_extension = view.extension.is_some().then_some(installed);
        let found = self.patiently(search(session, view, of_extension)).await?;
        // An extension that was moved is not a refusal: it is searched again.
        let is_moved = view.extension.is_some() && refusal.code().is_some_and(|code| MOVED.contains(&code));
        if found.is_some() || !is_moved {
            self.lacking.found(&view.name, database, found.clone(), Instant::now());
        }
        let Some(refused) = found else { return Err(refusal) };
        self.prepare(view, database, installed.clone());
        let Some(mut probe) = SqlProbe::without(view, self.major, of_extension, &refused.columns()) else { return Err(refusal) };
        self.patiently(probe.read(session, view, now_us())).await
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
