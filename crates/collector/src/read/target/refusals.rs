//! Remembers databases that refuse connections. Each refusal adds a line to the server's log; these databases are tried every few hours and
//! not in every round.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::read::session::SessionError;

/// A closed database is tried again after this time, since it may have been opened.
const CLOSED_FOR: Duration = Duration::from_secs(6 * 3_600);
/// A database at its connection limit is tried again after this time.
const FULL_FOR: Duration = Duration::from_secs(300);
/// SQLSTATEs of a database that stays closed until an administrator acts: no line in `pg_hba.conf`, a refused login, no CONNECT
/// privilege, no connections allowed or an interrupted DROP DATABASE, and no such database.
const CLOSED: [&str; 5] = ["28000", "28P01", "42501", "55000", "3D000"];
/// SQLSTATE of a reached connection limit.
const FULL: &str = "53300";

/// Whether an error says that the database stays closed to the role.
pub(super) fn refuses_database(error: &SessionError) -> bool {
    error.code().is_some_and(|code| CLOSED.contains(&code))
}

/// The refusals of one server's databases, with the time until which each holds.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    refused: HashMap<String, (Instant, SessionError)>,
}

impl Refusals {
    /// The refusal that still holds, if there is one.
    pub(super) fn get(&self, database: &str, now: Instant) -> Option<&SessionError> {
        self.refused.get(database).filter(|(until, _)| now < *until).map(|(_, error)| error)
    }

    /// Records why a connection failed. Errors that do not concern the database are ignored.
    pub(super) fn failed(&mut self, database: &str, error: &SessionError, now: Instant) {
        let keep = match error.code() {
            Some(FULL) => FULL_FOR,
            Some(code) if CLOSED.contains(&code) => CLOSED_FOR,
            _ => return,
        };
        self.refused.insert(database.into(), (now + keep, error.clone()));
    }

    /// Forgets the databases that no longer exist.
    pub(super) fn retain(&mut self, databases: &[String]) {
        self.refused.retain(|name, _| databases.contains(name));
    }

    /// Forgets all refusals, since another server may accept.
    pub(super) fn clear(&mut self) {
        self.refused.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: Option<&str>) -> SessionError {
        SessionError::Connect { at: "db-1".into(), message: "no".into(), code: code.map(Into::into) }
    }

    #[test]
    fn a_closed_database_is_left_alone_for_hours_and_a_full_one_for_minutes() {
        let now = Instant::now();
        for (code, hold) in CLOSED.map(|code| (code, CLOSED_FOR)).into_iter().chain([(FULL, FULL_FOR)]) {
            let mut refusals = Refusals::default();
            refusals.failed("closed", &refused(Some(code)), now);
            assert!(refusals.get("closed", now + hold - Duration::from_secs(1)).is_some(), "{code}");
            assert!(refusals.get("closed", now + hold).is_none(), "{code}");
            assert!(refusals.get("open", now).is_none());
        }
    }

    #[test]
    fn a_server_that_is_starting_or_silent_says_nothing_about_its_databases() {
        let mut refusals = Refusals::default();
        for code in [None, Some("57P03")] {
            refusals.failed("app", &refused(code), Instant::now());
            assert!(refusals.get("app", Instant::now()).is_none());
        }
    }

    #[test]
    fn a_database_that_was_dropped_and_made_again_is_tried_at_once() {
        let mut refusals = Refusals::default();
        refusals.failed("app", &refused(Some("3D000")), Instant::now());
        refusals.retain(&["other".into()]);
        assert!(refusals.get("app", Instant::now()).is_none());
    }
}
