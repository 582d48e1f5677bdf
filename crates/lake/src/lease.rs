//! Leases: what must be done by one replica only is done by the one that holds the lease.
//!
//! # Promise
//! At most one holder's changes are committed at any time: a change under a lease names the lease's fence in its own transaction
//! ([`Fence::check`]), and a new holder has a new fence. So a holder that was paused, cut off or is slow to notice does no harm.
//! A holder that died is followed within [`LASTS`] + [`TICK`]; one that stops hands over at once, and one that cannot do the work, because it
//! alone does not reach the files, steps aside ([`Lease::step_aside`]). All times are the database's.
//!
//! A store of one process has no leases: its folder is locked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::meta::Meta;
use crate::meta::database::{Transaction, statement};

/// How long a lease lasts without being renewed.
const LASTS: Duration = Duration::from_millis(1_500);
/// How often it is renewed, or tried for.
const TICK: Duration = Duration::from_millis(300);
/// For so long one who stepped aside does not ask for the lease.
const ASIDE: Duration = Duration::from_secs(10);
/// The lease of compaction, merging, retention and cleaning.
const LAKE: &str = "lake";

/// What a change is committed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    /// Nobody else has the store.
    Alone,
    Holder(i64),
}

impl Fence {
    /// Sees, within the transaction of a change, that the lease is still held; it then is until the commit.
    pub(crate) async fn check(self, transaction: &mut Transaction) -> anyhow::Result<()> {
        let Self::Holder(fence) = self else { return Ok(()) };
        let held = statement("update leases set fence = fence where name = $1 and fence = $2").bind(LAKE).bind(fence);
        anyhow::ensure!(transaction.execute(held).await? == 1, "another replica holds the lease by now; it does this work");
        Ok(())
    }
}

/// One replica's part in the leases.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    meta: Meta,
    holder: String,
    held: watch::Sender<Option<i64>>,
    /// Until when others come first.
    aside: Arc<Mutex<Option<Instant>>>,
}

impl Lease {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta, holder: Uuid::new_v4().to_string(), held: watch::Sender::new(None), aside: Arc::default() }
    }

    /// The fence, if it is held at this moment as far as this process knows.
    pub(crate) fn fence(&self) -> Option<Fence> {
        if !self.meta.database().is_shared() {
            return Some(Fence::Alone);
        }
        self.held.borrow().map(Fence::Holder)
    }

    /// Waits until it is held.
    pub(crate) async fn until_held(&self) {
        if self.meta.database().is_shared() {
            let mut held = self.held.subscribe();
            // The sender is this lease's own, so it does not end before.
            let _ = held.wait_for(Option::is_some).await;
        }
    }

    /// Takes it where it is free, and keeps it where it is held.
    pub(crate) async fn renew(&self) -> Result<(), sqlx::Error> {
        if !self.meta.database().is_shared() {
            return Ok(());
        }
        if self.is_aside() {
            return Ok(());
        }
        let clock = self.meta.database().clock();
        let sql = format!(
            "insert into leases (name, holder, fence, expires) values ($1, $2, 1, {clock} + $3)
             on conflict (name) do update set
                 holder = excluded.holder, expires = excluded.expires,
                 fence = leases.fence + case when leases.holder = excluded.holder then 0 else 1 end
             where leases.holder = excluded.holder or leases.expires < {clock}
             returning fence"
        );
        let lasts = i64::try_from(LASTS.as_micros()).unwrap_or(i64::MAX);
        let upsert = statement(sqlx::AssertSqlSafe(sql)).bind(LAKE).bind(self.holder.as_str()).bind(lasts);
        let fence: Option<(i64,)> = self.meta.database().returning(upsert).await?;
        self.note(fence.map(|(fence,)| fence));
        Ok(())
    }

    /// Lets another replica do what this one could not. Where there is none, it is this one's turn again after [`ASIDE`]. False where it does
    /// not hold the lease.
    pub(crate) async fn step_aside(&self) -> bool {
        if self.held.borrow().is_none() {
            return false;
        }
        tracing::warn!("steps aside: another replica may reach what this one does not");
        *self.aside.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + ASIDE);
        self.give_back().await;
        true
    }

    fn is_aside(&self) -> bool {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// Keeps trying, renewing, and at last gives it back, so that another replica goes on at once.
    pub(crate) async fn keep(&self, stop: &CancellationToken) {
        if !self.meta.database().is_shared() {
            return;
        }
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tick.tick() => {}
            }
            match tokio::time::timeout(LASTS, self.renew()).await {
                Ok(Ok(())) => failing = false,
                Ok(Err(error)) => {
                    self.note(None);
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(error = format!("{:#}", crate::meta::explain(error)), "renew the lease");
                    }
                }
                Err(_) => self.note(None),
            }
        }
        self.give_back().await;
    }

    async fn give_back(&self) {
        self.note(None);
        let clock = self.meta.database().clock();
        let sql = format!("update leases set expires = {clock} where name = $1 and holder = $2 and expires > {clock}");
        let release = statement(sqlx::AssertSqlSafe(sql)).bind(LAKE).bind(self.holder.as_str());
        if let Ok(Err(error)) = tokio::time::timeout(LASTS, self.meta.database().execute(release)).await {
            tracing::warn!(error = format!("{:#}", crate::meta::explain(error)), "hand over the lease");
        }
    }

    fn note(&self, fence: Option<i64>) {
        let changed = self.held.send_if_modified(|held| std::mem::replace(held, fence) != fence);
        if changed {
            match fence {
                Some(fence) => tracing::info!(lease.fence = fence, "holds the lease: this replica compacts"),
                None => tracing::info!("holds the lease no more"),
            }
        }
    }
}
