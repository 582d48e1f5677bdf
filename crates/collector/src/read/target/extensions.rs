//! Where an extension is installed: in the target's own database, or in another one of the server.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::read::probe::extension::Installed;

/// A search that found nothing is made again after this: somebody may have run CREATE EXTENSION.
const SEARCH_AGAIN: Duration = Duration::from_secs(300);

/// An extension's home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    /// `None` for the target's own database.
    pub(super) database: Option<String>,
    pub(super) installed: Installed,
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
