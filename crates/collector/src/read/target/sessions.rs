//! The reader's connections: a few, one per database. At the limit, the least recently used connection is closed.

use crate::read::session::Session;

#[derive(Debug)]
pub(super) struct Sessions {
    capacity: usize,
    /// The most recently used session is last. `None` is the target's own database.
    open: Vec<(Option<String>, Session)>,
}

impl Sessions {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), open: Vec::new() }
    }

    /// Returns the open session on a database, if there is one, and marks the session as the most recently used.
    pub(super) fn get(&mut self, database: Option<&str>) -> Option<&mut Session> {
        let at = self.open.iter().position(|(name, _)| name.as_deref() == database)?;
        let entry = self.open.remove(at);
        self.open.push(entry);
        self.open.last_mut().map(|(_, session)| session)
    }

    /// Closes the least recently used sessions, until one more connection may be opened.
    pub(super) async fn make_room(&mut self) {
        while self.open.len() >= self.capacity {
            let (_, session) = self.open.remove(0);
            session.close().await;
        }
    }

    /// Takes a session out for a reading. `add` puts the session back.
    pub(super) fn take(&mut self, database: Option<&str>) -> Option<Session> {
        let at = self.open.iter().position(|(name, _)| name.as_deref() == database)?;
        Some(self.open.remove(at).1)
    }

    /// Closes the sessions on all databases but the target's own. An idle session would block DROP DATABASE and CREATE DATABASE …
    /// TEMPLATE.
    pub(super) async fn close_others(&mut self) {
        while let Some(at) = self.open.iter().position(|(name, _)| name.is_some()) {
            self.open.remove(at).1.close().await;
        }
    }

    /// Closes the sessions for which `must` is true, given whether the session is on the target's own database.
    pub(super) async fn leave(&mut self, must: impl Fn(&Session, bool) -> bool) {
        while let Some(at) = self.open.iter().position(|(name, session)| must(session, name.is_none())) {
            self.open.remove(at).1.close().await;
        }
    }

    pub(super) fn add(&mut self, database: Option<String>, session: Session) -> &mut Session {
        self.open.push((database, session));
        let last = self.open.len() - 1;
        &mut self.open[last].1
    }

    /// Drops the broken session on a database.
    pub(super) fn forget(&mut self, database: Option<&str>) {
        self.open.retain(|(name, _)| name.as_deref() != database);
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    pub(super) async fn close(mut self) {
        for (_, session) in self.open.drain(..) {
            session.close().await;
        }
    }
}
