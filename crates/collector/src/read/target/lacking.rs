//! Remembers the columns that a server refuses, for each view and database. The rights of functions differ between databases.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::read::probe::refused::Refused;

/// A refused column is tried again after this time, since it may have been granted. Each try adds an error to the server's log.
const REFUSED_FOR: Duration = Duration::from_secs(6 * 3_600);

/// A view, and its database if the view is read in each database.
type Place = (String, Option<String>);

/// What one server refuses.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    /// `None` stands for a view that is refused as a whole.
    known: HashMap<Place, (Instant, Option<Refused>)>,
}

impl Lacking {
    /// The columns that are read as null.
    pub(super) fn columns(&self, view: &str, database: Option<&str>, now: Instant) -> Option<&Refused> {
        self.get(view, database, now)?.as_ref()
    }

    /// Whether the refused columns of the view were searched for.
    pub(super) fn is_known(&self, view: &str, database: Option<&str>, now: Instant) -> bool {
        self.get(view, database, now).is_some()
    }

    /// Records the result of a search. `None` if the view is refused as a whole.
    pub(super) fn found(&mut self, view: &str, database: Option<&str>, refused: Option<Refused>, now: Instant) {
        self.known.insert((view.into(), database.map(Into::into)), (now + REFUSED_FOR, refused));
    }

    /// Forgets everything, since another server answers.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    fn get(&self, view: &str, database: Option<&str>, now: Instant) -> Option<&Option<Refused>> {
        let place = (view.to_owned(), database.map(Into::into));
        self.known.get(&place).filter(|(until, _)| now < *until).map(|(_, refused)| refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_holds_for_hours_in_its_own_database() {
        let now = Instant::now();
        let mut lacking = Lacking::default();
        lacking.found("v", Some("a"), Some(Refused::default()), now);
        lacking.found("v", Some("b"), None, now);
        let later = now + REFUSED_FOR - Duration::from_secs(1);
        assert_eq!(lacking.columns("v", Some("a"), later), Some(&Refused::default()));
        assert!(lacking.columns("v", Some("b"), later).is_none() && lacking.is_known("v", Some("b"), later));
        assert!(!lacking.is_known("v", None, later) && !lacking.is_known("v", Some("a"), now + REFUSED_FOR));
    }
}
