//! Where an extension is installed: in the target's own database, or in another database of the server.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::read::probe::extension::{Found, Installed};

/// An extension is searched again after this time, since CREATE, ALTER or DROP EXTENSION may have been run. Together with the interval of
/// a view, a change is seen within five minutes.
const SEARCH_AGAIN: Duration = Duration::from_secs(235);

/// The database where an extension is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    /// `None` for the target's own database.
    pub(super) database: Option<String>,
    pub(super) installed: Installed,
}

/// The known homes of extensions.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    known: HashMap<String, Known>,
}

#[derive(Debug)]
enum Known {
    At { since: Instant, home: Home },
    Nowhere { since: Instant, why: String },
}

impl Extensions {
    /// The home of an extension, or why there is none. `None` means that a search is due.
    pub(super) fn get(&self, extension: &str, now: Instant) -> Option<Result<Home, String>> {
        match self.known.get(extension)? {
            Known::At { since, home } => (now.duration_since(*since) < SEARCH_AGAIN).then(|| Ok(home.clone())),
            Known::Nowhere { since, why } => (now.duration_since(*since) < SEARCH_AGAIN).then(|| Err(why.clone())),
        }
    }

    pub(super) fn found(&mut self, extension: &str, home: Home, now: Instant) {
        self.known.insert(extension.into(), Known::At { since: now, home });
    }

    pub(super) fn nowhere(&mut self, extension: &str, searched: &[String], now: Instant) -> String {
        let why = format!(
            "extension {extension} is not installed in any of the searched databases ({}): run CREATE EXTENSION {extension} in one of them",
            searched.join(", ")
        );
        self.known.insert(extension.into(), Known::Nowhere { since: now, why: why.clone() });
        why
    }

    /// Records that the role may not use the extension's schema in any database. Returns the error text.
    pub(super) fn closed(&mut self, extension: &str, found: &Found, database: &str, now: Instant) -> String {
        let (schema, role) = (&found.installed.schema, &found.role);
        let why = format!(
            "extension {extension} is in schema {schema} of database {database}, which the role may not use: \
             run GRANT USAGE ON SCHEMA {schema} TO {role} in that database"
        );
        self.known.insert(extension.into(), Known::Nowhere { since: now, why: why.clone() });
        why
    }

    /// Forgets an extension, after a query did not find it in its home.
    pub(super) fn forget(&mut self, extension: &str) {
        self.known.remove(extension);
    }

    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_searched_again_within_five_minutes_of_a_change() {
        let now = Instant::now();
        let mut extensions = Extensions::default();
        let home = Home { database: None, installed: Installed::default() };
        extensions.found("e", home.clone(), now);
        assert_eq!(extensions.get("e", now + Duration::from_secs(200)), Some(Ok(home)));
        // The slowest of the built-in views with an extension is read every 60 s.
        assert_eq!(extensions.get("e", now + Duration::from_secs(240)), None);
    }

    #[test]
    fn a_schema_that_is_closed_names_the_exact_grant() {
        let found = Found {
            installed: Installed { schema: "\"Ext\"".into(), version: "1.10".into() },
            usable: false,
            encoding: "UTF8".into(),
            role: "\"Mon\"".into(),
        };
        let why = Extensions::default().closed("pg_stat_statements", &found, "app", Instant::now());
        assert!(why.contains("database app") && why.contains("GRANT USAGE ON SCHEMA \"Ext\" TO \"Mon\""), "{why}");
    }
}
