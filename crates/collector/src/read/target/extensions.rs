//! Where an extension is installed: in the target's own database, or in another one of the server.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::read::session::{Session, SessionError, text};

/// A search that found nothing is made again after this: somebody may have run CREATE EXTENSION.
const SEARCH_AGAIN: Duration = Duration::from_secs(300);
/// Databases looked at in a search: each costs a connection.
pub(crate) const SEARCHED: usize = 20;

/// An extension's home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    /// `None` for the target's own database.
    pub(super) database: Option<String>,
    pub(super) installed: Installed,
}

/// An extension as a database has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Installed {
    /// Quoted.
    pub(crate) schema: String,
    /// Its own version, which may be older than the server's.
    pub(crate) version: String,
}

const QUERY: &str =
    "select e.extname, quote_ident(n.nspname), e.extversion from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace";
const TIMEOUT: Duration = Duration::from_secs(5);

/// An extension in the database of a session, if it is there.
pub(crate) async fn installed(session: &mut Session, extension: &str) -> Result<Option<Installed>, SessionError> {
    let mut found = None;
    session
        .read(QUERY, TIMEOUT, |row| {
            if text(row, 0).as_deref() == Some(extension) {
                found = Some(Installed { schema: text(row, 1).unwrap_or_default(), version: text(row, 2).unwrap_or_default() });
            }
        })
        .await?;
    Ok(found)
}

/// What is known of extensions' homes.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    known: HashMap<String, Known>,
}

#[derive(Debug)]
enum Known {
    At(Home),
    Nowhere { since: Instant, why: String },
}

impl Extensions {
    /// What is known: a home, or why there is none. `None` says: search.
    pub(super) fn get(&self, extension: &str, now: Instant) -> Option<Result<Home, String>> {
        match self.known.get(extension)? {
            Known::At(home) => Some(Ok(home.clone())),
            Known::Nowhere { since, why } => (now.duration_since(*since) < SEARCH_AGAIN).then(|| Err(why.clone())),
        }
    }

    pub(super) fn found(&mut self, extension: &str, home: Home) {
        self.known.insert(extension.into(), Known::At(home));
    }

    pub(super) fn nowhere(&mut self, extension: &str, searched: &[String], now: Instant) -> String {
        let why = format!(
            "extension {extension} is in none of the databases looked at ({}): run CREATE EXTENSION {extension} in one of them",
            searched.join(", ")
        );
        self.known.insert(extension.into(), Known::Nowhere { since: now, why: why.clone() });
        why
    }

    /// A query said that it is not where it was.
    pub(super) fn forget(&mut self, extension: &str) {
        self.known.remove(extension);
    }

    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}
