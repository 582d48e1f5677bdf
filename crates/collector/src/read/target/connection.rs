//! Whether a target's server answers, and how the target connects.

use std::time::{Duration, Instant};

use super::refusals::refuses_database;
use super::seat::Seat;
use super::state::Target;
use crate::read::breaker::Breaker;
use crate::read::session::{Session, SessionError};

/// If the server answered any loop of the target within this time, a time-out concerns one session and not the server.
const ANSWERED: Duration = Duration::from_secs(15);
/// SQLSTATE of a reached connection limit: of the server, a database or the role.
const TOO_MANY_CONNECTIONS: &str = "53300";
/// SQLSTATE of a database that does not exist.
const NO_DATABASE: &str = "3D000";

/// Whether the error is a time-out: of a connection, or of the query that identifies the server.
fn is_time_out(error: &SessionError) -> bool {
    match error {
        SessionError::Deadline { .. } => true,
        SessionError::Connect { code: Some(code), .. } => code == "57014",
        SessionError::Connect { message, code: None, .. } => message.contains("no answer within"),
        _ => false,
    }
}

/// The error's text in the history. A reached connection limit includes its SQLSTATE, since the message may be in any language.
pub(super) fn reason(error: &SessionError) -> String {
    match error {
        SessionError::Connect { code: Some(code), .. } if code == TOO_MANY_CONNECTIONS => format!("{error} (SQLSTATE {code})"),
        _ => error.to_string(),
    }
}

impl Target {
    /// Whether the server answered the last try.
    #[must_use]
    pub(super) fn is_up(&self) -> bool {
        self.state().up == Some(true)
    }

    /// Records that the server answered, or the error. Logs each change once. Returns true if the server is up again after it was down.
    pub(super) fn set_up(&self, error: Option<&SessionError>) -> bool {
        let server = self.options.name.as_str();
        if error.is_none() {
            self.link.answered();
        }
        let before = {
            let mut state = self.state();
            match error {
                None => state.answered = Some(Instant::now()),
                Some(error) if is_time_out(error) && state.answered.is_some_and(|at| at.elapsed() < ANSWERED) => return false,
                Some(_) => state.answered = None,
            }
            state.up.replace(error.is_none())
        };
        match error {
            Some(error) if before != Some(false) => tracing::warn!(server, %error, "the server does not answer"),
            None if before != Some(true) => tracing::info!(server, "the server answers"),
            _ => {}
        }
        self.common.metrics.target(server, error.is_none());
        before == Some(false) && error.is_none()
    }

    /// Whether a connection may be tried now. If not, returns the error of the last try.
    pub(super) fn may_connect(&self) -> Result<(), SessionError> {
        let mut state = self.state();
        if self.link.is_new_to(&mut state.login) {
            // A new login is tried at once.
            state.breaker = Breaker::default();
        }
        match state.breaker.error() {
            Some(error) if !state.breaker.allows(Instant::now()) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Opens a session where the target sits: in its own database, or in another one while somebody wants its own.
    pub(super) async fn open_seat(&self) -> Result<Session, SessionError> {
        let conninfo = self.link.conninfo();
        let seat = self.seat();
        let opened = Session::open(&conninfo, seat.database()).await;
        let now = Instant::now();
        match &opened {
            Ok(session) if seat.database().is_none() => self.state().seats.sits_in_own(&session.facts.database),
            Err(error) if seat.database().is_some() && refuses_database(error) => {
                self.state().seats.maintenance_is_closed(now);
                return Session::open(&conninfo, None).await;
            }
            Err(error) if error.code() == Some(NO_DATABASE) && self.state().seats.own_is_gone(now) => {
                tracing::warn!(server = self.options.name, %error, "the target's database is gone: the server is read through another one");
                let elsewhere = Session::open(&conninfo, self.seat().database()).await;
                if elsewhere.as_ref().is_err_and(refuses_database) {
                    self.state().seats.maintenance_is_closed(now);
                    return opened;
                }
                return elsewhere;
            }
            _ => {}
        }
        opened
    }

    /// Where the target's sessions may sit now.
    pub(super) fn seat(&self) -> Seat {
        self.state().seats.seat(Instant::now())
    }

    /// Whether a session must leave its database: somebody wants the database, or the target sits elsewhere.
    pub(super) fn must_leave(&self, session: &Session, is_own: bool) -> bool {
        let (now, state) = (Instant::now(), self.state());
        let database = session.facts.database.as_str();
        state.seats.is_wanted(database, now) || (is_own && state.seats.sits_elsewhere(database, now))
    }

    /// Whether somebody wants this database, so that no session may be opened there.
    pub(super) fn is_wanted(&self, database: &str) -> bool {
        self.state().seats.is_wanted(database, Instant::now())
    }

    /// Records databases that somebody wants, and makes idle sessions leave them.
    pub(super) fn want(&self, databases: &[String]) {
        self.state().seats.want(databases, Instant::now());
        self.leave.notify_one();
    }

    /// Opens a session where the target sits. A failure opens the breaker.
    pub(super) async fn open(&self) -> Result<Session, SessionError> {
        let opened = self.open_seat().await;
        if opened.as_ref().is_err_and(SessionError::is_login_refused) {
            self.link.refused();
        }
        {
            let mut state = self.state();
            match &opened {
                Ok(_) => state.breaker.succeeded(),
                Err(error) => state.breaker.failed(error.clone(), Instant::now(), rand::random()),
            }
        }
        if self.set_up(opened.as_ref().err()) {
            self.state().is_back = true;
        }
        opened
    }

    /// Whether the server came up again since the last call.
    pub(super) fn is_back(&self) -> bool {
        std::mem::take(&mut self.state().is_back)
    }

    /// Records the start time of the postmaster. Returns true if another postmaster answered before.
    pub(super) fn is_another_postmaster(&self, start_us: i64) -> bool {
        self.state().postmaster_start_us.replace(start_us).is_some_and(|before| before != start_us)
    }
}
