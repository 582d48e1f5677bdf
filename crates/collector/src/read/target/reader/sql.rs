//! A view that SQL reads, in one database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;

use super::memory::Reader;
use crate::clock::now_us;
use crate::delta::rows::Snapshot;
use crate::read::probe::extension::{Installed, SEARCHED, installed};
use crate::read::probe::sql::SqlProbe;
use crate::read::session::SessionError;
use crate::read::target::extensions::Home;

/// SQLSTATEs that say an extension is no longer where it was: undefined table, function, schema.
const MOVED: [&str; 3] = ["42P01", "42883", "3F000"];

impl Reader {
    /// Reads one SQL view; what it took the server, where it was read.
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
    pub(super) fn after(&mut self, error: &SessionError, view: &View, database: Option<&str>) -> String {
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
    pub(super) async fn home(&mut self, extension: &str) -> Result<Home, String> {
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
}
