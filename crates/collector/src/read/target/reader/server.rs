//! Reads the server's own row, `pganalytics_server`: whether the server answers, and its properties.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;

use super::memory::{Reader, Round};
use crate::clock::now_us;
use crate::read::probe::host;
use crate::read::probe::server::{About, Read, ServerProbe};
use crate::read::session::SessionError;
use crate::read::target::connection::reason;

pub(super) const SERVER: &str = "pganalytics_server";

impl Reader {
    pub(super) async fn read_server(&mut self, view: &Arc<View>) {
        let (ts_us, begun) = (now_us(), Instant::now());
        // The session is opened first: another server may answer, and then all that is known about the server is read again.
        let opened = self.session(None).await.map(|_| ());
        let target = Arc::clone(&self.target);
        let cpus = if self.is_local() { host::cpus() } else { None };
        let conninfo = target.link.conninfo();
        let about = About { conninfo: &conninfo, collector: &target.common.collector, cpus };
        let mut server = std::mem::take(&mut self.server);
        let mut outcome = match opened {
            Ok(()) => self.ask_server(&mut server, view, about, ts_us).await,
            Err(error) => Err(error),
        };
        if matches!(outcome, Err(SessionError::Broken(_) | SessionError::Deadline { .. })) && self.target.may_connect().is_ok() {
            // A broken session does not prove that the server is down. A new session is tried once.
            server = server.renewed();
            outcome = self.ask_server(&mut server, view, about, ts_us).await;
        }
        if let Err(error @ SessionError::Query { .. }) = &outcome {
            // The server answers but refuses this query. The other views are read.
            self.server = server;
            self.target.set_up(None);
            return self.target.was_not_read(SERVER, None, begun.elapsed(), &error.to_string());
        }
        let down = outcome.as_ref().err().map(|error| server.down(view, about, &reason(error), ts_us));
        self.server = server;
        self.target.set_up(outcome.as_ref().err());
        match (outcome, down) {
            (Ok(read), _) => {
                if let Some(identifier) = &read.other_cluster {
                    let note = format!(
                        "another cluster than before answers under this name, with system identifier {identifier}: give each server its \
                         own target with its own name"
                    );
                    tracing::warn!(server = self.target.options.name, system_identifier = identifier, "{note}");
                    self.target.note(SERVER, &note);
                }
                self.record_postmaster(read.postmaster_start_us);
                self.in_recovery = read.in_recovery;
                self.ship(view, None, &read.snapshot, read.took);
            }
            (Err(error), down) => {
                self.target.was_not_read(SERVER, None, begun.elapsed(), &reason(&error));
                if self.target.is_up() {
                    // Only this session timed out; another session was answered.
                    return;
                }
                self.sessions.forget(None);
                if let Some(snapshot) = down {
                    self.gather(view, None, &snapshot, Duration::ZERO);
                }
                // Nothing else can be read. The current round ends; the next one begins when its views are due.
                self.round = Round::default();
            }
        }
    }

    async fn ask_server(&mut self, server: &mut ServerProbe, view: &View, about: About<'_>, ts_us: i64) -> Result<Read, SessionError> {
        let mut session = self.take(None).await?;
        let outcome = self.patiently(server.read(&mut session, view, about, ts_us)).await;
        self.put(None, session, &outcome);
        outcome
    }
}
