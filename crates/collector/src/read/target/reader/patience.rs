//! Fast views do not wait for a slow one: while a reading takes long, they are read on the sampler's session.
//!
//! # Promise
//! A slow reading does not delay fast views, and needs no additional connection: fast views borrow the sampler's session. A sample waits
//! only while such a view is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::{Scope, Source, View};

use super::deltas::COST;
use super::memory::Reader;
use super::server::SERVER;
use crate::clock::now_us;
use crate::delta::rows::Snapshot;
use crate::read::probe::extension::Installed;
use crate::read::probe::host;
use crate::read::probe::server::About;
use crate::read::probe::took::Took;
use crate::read::session::{Session, SessionError};
use crate::read::target::needs::HOST_VIEW;

/// While a reading takes longer than this, fast views are read on the sampler's session.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often due fast views are looked for during a slow reading.
const LOOK: Duration = Duration::from_millis(250);

/// Whether a view can be read without the reader's session: the view needs no session, or a session on the target's own database.
fn is_fast(view: &View) -> bool {
    match (view.scope, view.source, view.name.as_str()) {
        (Scope::Host, ..) | (_, Source::Probe, SERVER | COST | HOST_VIEW) => true,
        (Scope::Server, Source::Sql, _) => view.extension.is_none(),
        _ => false,
    }
}

impl Reader {
    /// Waits for the work. If the work takes long, fast views are read meanwhile.
    pub(super) async fn patiently<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = Box::pin(work);
        let mut look = PATIENCE;
        loop {
            if let Ok(done) = tokio::time::timeout(look, &mut work).await {
                return done;
            }
            look = LOOK;
            let mut done = None;
            let mut fast = Box::pin(self.read_fast());
            // A reading that has begun is always finished, since dropping it would leave its session in the middle of a query.
            loop {
                tokio::select! {
                    () = &mut fast => break,
                    value = &mut work, if done.is_none() => done = Some(value),
                }
            }
            drop(fast);
            if let Some(done) = done {
                return done;
            }
        }
    }

    /// Reads the fast views that are due, on the sampler's session.
    pub(super) async fn read_fast(&mut self) {
        let mut due = Vec::new();
        self.waiting.retain(|view| {
            let fast = is_fast(view);
            if fast {
                due.push(Arc::clone(view));
            }
            !fast
        });
        let reading = self.reading.clone();
        for view in self.schedule.due_among(Instant::now(), |view| is_fast(view) && view.name != reading) {
            if !due.iter().any(|other| other.name == view.name) {
                due.push(view);
            }
        }
        for view in due {
            match (view.scope, view.name.as_str()) {
                (Scope::Host, _) => self.read_machine(&view),
                (_, COST) => self.ship_cost(),
                (_, HOST_VIEW) => self.read_its_host(&view),
                _ => self.read_apart(&view).await,
            }
        }
    }

    /// Reads a view of the server on the sampler's session. Without such a session, the view stays in the queue.
    async fn read_apart(&mut self, view: &Arc<View>) {
        let target = Arc::clone(&self.target);
        let mut second = target.second.lock().await;
        let postmaster = target.state().postmaster_start_us;
        let Some(session) = second.as_mut().filter(|session| Some(session.facts.postmaster_start_us) == postmaster) else {
            self.waiting.push_back(Arc::clone(view));
            return;
        };
        let begun = Instant::now();
        let outcome = if view.name == SERVER { self.server_apart(session, view).await } else { self.sql_apart(session, view).await };
        if let Err(error) = &outcome
            && !error.is_harmless()
        {
            *second = None;
            target.broke(error);
        }
        drop(second);
        match outcome {
            Ok(None) => {}
            Ok(Some((snapshot, took))) => {
                self.ship(view, None, &snapshot, took.whole);
                let busy = target.busy(took);
                self.plan(view, busy);
            }
            Err(error) => {
                target.was_not_read(&view.name, None, begun.elapsed(), &error.to_string());
                if let Some(busy) = target.busy_after_failure(&error, begun.elapsed()) {
                    self.plan(view, busy);
                }
            }
        }
    }

    async fn sql_apart(&mut self, session: &mut Session, view: &Arc<View>) -> Result<Option<(Snapshot, Took)>, SessionError> {
        self.prepare(view, None, Installed::default());
        let Some((made_for, Some(mut probe))) = self.probes.remove(&view.name) else { return Ok(None) };
        let outcome = probe.read(session, view, now_us()).await;
        self.probes.insert(view.name.clone(), (made_for, Some(probe)));
        outcome.map(Some)
    }

    async fn server_apart(&mut self, session: &mut Session, view: &Arc<View>) -> Result<Option<(Snapshot, Took)>, SessionError> {
        let target = Arc::clone(&self.target);
        let cpus = if self.is_local() { host::cpus() } else { None };
        let conninfo = target.link.conninfo();
        let about = About { conninfo: &conninfo, collector: &target.common.collector, cpus };
        let read = self.server.read(session, view, about, now_us()).await?;
        self.in_recovery = read.in_recovery;
        Ok(Some((read.snapshot, read.took.into())))
    }
}
