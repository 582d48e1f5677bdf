//! Rounds through the databases of a server, for views that each has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pganalytics_views::View;

use super::memory::{Reader, Round};
use crate::read::probe::databases;
use crate::read::session::SessionError;

impl Reader {
    /// The databases that accept connections from us, the busiest first.
    pub(super) async fn databases(&mut self) -> Result<Vec<String>, SessionError> {
        let listed = databases::list(self.session(None).await?).await;
        if listed.as_ref().is_err_and(|error| !error.is_harmless()) {
            self.sessions.forget(None);
        }
        listed
    }

    /// A round through the databases begins.
    pub(super) async fn begin_round(&mut self, views: Vec<Arc<View>>) {
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
                self.target.note(&view.name, &note);
            }
        }
        // Databases that are gone are forgotten.
        self.deltas.retain(|(_, database), _| database.as_ref().is_none_or(|database| wanted.contains(database)));
        // The own one first: its connection is open.
        wanted.sort_by_key(|name| self.own_database.as_ref() != Some(name));
        self.round = Round { databases: wanted.into_iter().map(Some).collect(), views, busy: HashMap::new() };
    }

    /// All views of the round in one database.
    pub(super) async fn read_database(&mut self, database: Option<String>) {
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
}
