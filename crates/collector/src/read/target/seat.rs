//! The database in which a target's sessions sit, and databases that somebody wants.
//!
//! # How
//! DROP DATABASE, CREATE DATABASE … TEMPLATE, ALTER DATABASE … RENAME and SET TABLESPACE wait for up to five seconds until the other sessions of the
//! database have ended, and then fail. Meanwhile they hold a lock on the database, which the sampler sees ([`wishes`](crate::read::probe::wishes)).
//! Then the target's sessions leave that database at once, and stay away for [`AWAY`].
//!
//! If the database is the target's own, the sessions sit in [`MAINTENANCE`] meanwhile, and also after the database was dropped. If
//! the role may not connect there, nothing is read until the time is over.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long sessions stay away from a database after somebody wanted it. The command fails after five seconds.
const AWAY: Duration = Duration::from_secs(7);
/// The database that PostgreSQL's own tools connect to if they need any database.
const MAINTENANCE: &str = "postgres";
/// A dropped or closed database is tried again after this time. Each try adds a line to the server's log.
const CLOSED_FOR: Duration = Duration::from_secs(6 * 3_600);

/// Where sessions may sit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    /// The database that the connection string names.
    Own,
    Maintenance,
    /// Nowhere until this time.
    Nowhere(Instant),
}

impl Seat {
    /// The name of the database for a connection, if it is not the database that the connection string names.
    pub(super) fn database(self) -> Option<&'static str> {
        (self == Self::Maintenance).then_some(MAINTENANCE)
    }
}

/// The wanted databases of one server.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// The name of the database that the connection string names, once a session was there.
    own: Option<String>,
    /// Until when each database is left alone.
    wanted: HashMap<String, Instant>,
    /// Until when the target's own database counts as dropped.
    gone: Option<Instant>,
    /// Until when the maintenance database counts as closed.
    closed: Option<Instant>,
}

impl Seats {
    /// Records that a session sits in the database that the connection string names.
    pub(super) fn sits_in_own(&mut self, database: &str) {
        self.own = Some(database.into());
        self.gone = None;
    }

    /// Records databases that somebody wants.
    pub(super) fn want(&mut self, databases: &[String], now: Instant) {
        self.wanted.retain(|_, until| now < *until);
        self.wanted.extend(databases.iter().map(|name| (name.clone(), now + AWAY)));
    }

    pub(super) fn is_wanted(&self, database: &str, now: Instant) -> bool {
        self.wanted.get(database).is_some_and(|until| now < *until)
    }

    /// Records that the own database does not exist. Returns whether the sessions sit elsewhere now: a database that never existed is a mistake in
    /// the connection string.
    pub(super) fn own_is_gone(&mut self, now: Instant) -> bool {
        let known = self.own.as_deref().is_some_and(|own| own != MAINTENANCE);
        if known {
            self.gone = Some(now + CLOSED_FOR);
        }
        known && self.seat(now) == Seat::Maintenance
    }

    /// Records that the maintenance database refuses the role.
    pub(super) fn maintenance_is_closed(&mut self, now: Instant) {
        self.closed = Some(now + CLOSED_FOR);
    }

    /// Whether a session that sits in this database sits in the wrong one.
    pub(super) fn sits_elsewhere(&self, database: &str, now: Instant) -> bool {
        match self.seat(now) {
            Seat::Own => self.own.as_deref().is_some_and(|own| own != database),
            Seat::Maintenance => database != MAINTENANCE,
            Seat::Nowhere(_) => true,
        }
    }

    pub(super) fn seat(&self, now: Instant) -> Seat {
        let Some(own) = &self.own else { return Seat::Own };
        let wanted = self.wanted.get(own).copied().filter(|until| now < *until);
        if wanted.is_none() && self.gone.is_none_or(|until| until <= now) {
            return Seat::Own;
        }
        let is_open = own != MAINTENANCE && self.closed.is_none_or(|until| until <= now) && !self.is_wanted(MAINTENANCE, now);
        match wanted {
            _ if is_open => Seat::Maintenance,
            Some(until) => Seat::Nowhere(until),
            None => Seat::Own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sitting_in(own: &str) -> Seats {
        let mut seats = Seats::default();
        seats.sits_in_own(own);
        seats
    }

    #[test]
    fn sessions_leave_a_wanted_database_and_come_back() {
        let now = Instant::now();
        let mut seats = sitting_in("app");
        seats.want(&["other".into()], now);
        assert_eq!((seats.seat(now), seats.is_wanted("other", now), seats.is_wanted("app", now)), (Seat::Own, true, false));
        seats.want(&["app".into()], now);
        assert_eq!(seats.seat(now), Seat::Maintenance);
        assert_eq!((seats.seat(now + AWAY), seats.is_wanted("app", now + AWAY)), (Seat::Own, false));
    }

    #[test]
    fn without_another_database_nothing_is_read_until_the_wish_is_over() {
        let now = Instant::now();
        let mut seats = sitting_in(MAINTENANCE);
        seats.want(&[MAINTENANCE.into()], now);
        assert_eq!(seats.seat(now), Seat::Nowhere(now + AWAY));
        assert_eq!(seats.seat(now + AWAY), Seat::Own);
        let mut seats = sitting_in("app");
        seats.maintenance_is_closed(now);
        seats.want(&["app".into()], now);
        assert_eq!(seats.seat(now), Seat::Nowhere(now + AWAY));
    }

    #[test]
    fn a_dropped_database_is_left_for_hours_and_one_that_never_was_is_an_error() {
        let now = Instant::now();
        let mut seats = sitting_in("app");
        assert!(seats.own_is_gone(now));
        assert_eq!(seats.seat(now + Duration::from_secs(3_600)), Seat::Maintenance);
        assert_eq!(seats.seat(now + CLOSED_FOR), Seat::Own);
        assert!(!Seats::default().own_is_gone(now), "no session was there yet");
        assert!(!sitting_in(MAINTENANCE).own_is_gone(now));
    }
}
