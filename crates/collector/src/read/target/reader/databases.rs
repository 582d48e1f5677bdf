//! Rounds through the databases of a server, for views that are read in each database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;

use super::memory::{Reader, Round};
use crate::read::probe::databases;
use crate::read::session::SessionError;

impl Reader {
    /// Lists the databases that accept connections from the collector's role, the busiest first.
    pub(super) async fn databases(&mut self) -> Result<Vec<String>, SessionError> {
        let listed = databases::list(self.session(None).await?).await;
        if listed.as_ref().is_err_and(|error| !error.is_harmless()) {
            self.sessions.forget(None);
        }
        listed
    }

    /// Begins a round through the databases.
    pub(super) async fn begin_round(&mut self, views: Vec<Arc<View>>) {
        if !self.target.is_up() {
            return;
        }
        let names = match self.databases().await {
            Ok(names) => names,
            Err(error) => {
                for view in &views {
                    self.target.was_not_read(&view.name, None, Duration::ZERO, &format!("cannot list the databases: {error}"));
                }
                return;
            }
        };
        let all = names.clone();
        let mut wanted: Vec<String> = names.into_iter().filter(|name| self.target.options.wants(name)).collect();
        let (found, cap) = (wanted.len(), self.target.options.max_databases);
        if found > cap {
            wanted.truncate(cap);
            for view in &views {
                let note =
                    format!("only {cap} of {found} databases are read: raise the target's max_databases, or list databases in the target");
                self.target.note(&view.name, &note);
            }
        }
        self.refusals.retain(&all);
        let (open, closed): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|name| self.refusals.get(name, Instant::now()).is_none());
        wanted = open;
        if !closed.is_empty() {
            let note = format!("databases that refuse connections are skipped and retried every few hours: {}", closed.join(", "));
            for view in &views {
                self.target.note(&view.name, &note);
            }
        }
        // The baselines of databases outside this round are dropped.
        self.deltas.retain(|(_, database), _| database.as_ref().is_none_or(|database| wanted.contains(database)));
        // The target's own database comes first, since its connection is open.
        wanted.sort_by_key(|name| self.own_database.as_ref() != Some(name));
        self.round = Round { databases: wanted.into_iter().map(Some).collect(), views, busy: HashMap::new() };
    }

    /// Reads all views of the round in one database.
    pub(super) async fn read_database(&mut self, database: Option<String>) {
        let views = self.round.views.clone();
        self.read_views_in(&views, database.as_deref()).await;
        self.reading.clear();
        // An idle session would block DROP DATABASE.
        self.sessions.close_others().await;
        if self.round.databases.is_empty() {
            let round = std::mem::take(&mut self.round);
            for view in &round.views {
                if let Some(busy) = round.busy.get(&view.name) {
                    self.plan(view, *busy);
                }
            }
        }
    }

    async fn read_views_in(&mut self, views: &[Arc<View>], database: Option<&str>) {
        if self.leaves(database) {
            return;
        }
        if self.target.is_up()
            && let Err(error) = self.session(database).await
        {
            // All views get the same error after one try to connect.
            for view in views {
                self.target.was_not_read(&view.name, database, Duration::ZERO, &error.to_string());
            }
            return;
        }
        for view in views {
            if self.leaves(database) {
                return;
            }
            self.reading.clone_from(&view.name);
            if let Some(busy) = self.read_sql(view, database).await {
                *self.round.busy.entry(view.name.clone()).or_default() += busy;
            }
        }
    }

    /// Whether somebody wants the database, so that nothing is read there. `None` is the target's own database.
    pub(super) fn leaves(&self, database: Option<&str>) -> bool {
        database.or(self.own_database.as_deref()).is_some_and(|name| self.target.is_wanted(name))
    }
}
