//! Leases. Work that only one replica may do is done by the holder of the lease.
//!
//! # Promise
//! At most one holder's changes are committed at any time: a change under a lease names the lease's fence in its own transaction
//! ([`Fence::check`]), and a new holder has a new fence. So a holder that was paused or cut off does no harm.
//! Another replica takes over a dead holder's lease within [`LASTS`] + [`TICK`]. A holder that stops releases the lease at once. A holder that
//! cannot do the work, for example because it cannot reach the files, steps aside ([`Lease::step_aside`]): for [`ASIDE`], other replicas have
//! precedence. If all others have stepped aside too, one of them still takes over a dead holder's lease within [`TAKEOVER`]. All times of a
//! lease are the database's.
//!
//! # How
//! A replica that stepped aside asks for a lease only after it was free for [`BEHIND`], which is longer than other replicas need to take it. It does
//! not ask for a lease that was released by stepping aside ([`LAID_DOWN`]), because the work would just fail again. If no replica can do
//! the work, each retries once every [`ASIDE`].
//!
//! A store of one process has no leases: its folder is locked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::meta::database::{Transaction, statement};
use crate::meta::{Meta, explain};

/// How long a lease lasts without being renewed.
const LASTS: Duration = Duration::from_millis(1_300);
/// How often it is renewed, or tried for.
const TICK: Duration = Duration::from_millis(250);
/// How long other replicas have precedence over a replica that stepped aside.
const ASIDE: Duration = Duration::from_secs(10);
/// How long a lease must be free before a replica that stepped aside asks for it. All others have asked by then.
const BEHIND: Duration = Duration::from_millis(350);
/// The promise: a dead holder's lease is taken over within this time, whichever replicas are left.
const TAKEOVER: Duration = Duration::from_secs(2);
const _: () =
    assert!(TICK.as_millis() < BEHIND.as_millis() && LASTS.as_millis() + BEHIND.as_millis() + TICK.as_millis() <= TAKEOVER.as_millis());
/// The expiry time written by a replica that steps aside: long ago, so that every other replica may take the lease at once.
const LAID_DOWN: i64 = 0;
/// The lease of compaction, merging, retention and cleaning.
const LAKE: &str = "lake";

/// The proof under which a change is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    /// No other process uses the store.
    Alone,
    Holder(i64),
}

impl Fence {
    /// Checks in the transaction of a change that the lease is still held. The check holds until the commit.
    pub(crate) async fn check(self, transaction: &mut Transaction) -> anyhow::Result<()> {
        let Self::Holder(fence) = self else { return Ok(()) };
        let held = statement("update leases set fence = fence where name = $1 and fence = $2").bind(LAKE).bind(fence);
        anyhow::ensure!(transaction.execute(held).await? == 1, "another replica holds the lease now and does this work");
        Ok(())
    }
}

/// The lease as one replica sees it.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    meta: Meta,
    holder: String,
    held: watch::Sender<Option<i64>>,
    /// Until when other replicas have precedence. Locked while the lease is requested or released, so that the two never overlap.
    aside: Arc<Mutex<Option<Instant>>>,
}

impl Lease {
    pub(crate) fn new(meta: Meta) -> Self {
        Self { meta, holder: Uuid::new_v4().to_string(), held: watch::Sender::new(None), aside: Arc::default() }
    }

    /// The fence, if this process believes that it holds the lease now.
    pub(crate) fn fence(&self) -> Option<Fence> {
        if !self.meta.database().is_shared() {
            return Some(Fence::Alone);
        }
        self.held.borrow().map(Fence::Holder)
    }

    /// Waits until this replica holds the lease.
    pub(crate) async fn until_held(&self) {
        if self.meta.database().is_shared() {
            let mut held = self.held.subscribe();
            // The lease owns the sender, so the channel is open.
            let _ = held.wait_for(Option::is_some).await;
        }
    }

    /// Takes the lease if it is free, and renews it if this replica holds it.
    pub(crate) async fn renew(&self) -> Result<(), sqlx::Error> {
        match self.meta.database().is_shared() {
            true => self.ask(Instant::now(), self.meta.database().clock()).await,
            false => Ok(()),
        }
    }

    /// Asks for the lease. `clock` is an SQL expression for the database's time.
    async fn ask(&self, now: Instant, clock: &str) -> Result<(), sqlx::Error> {
        let mut aside = self.aside.lock().await;
        if aside.is_some_and(|until| now >= until) {
            *aside = None;
        }
        let may_be_taken = match *aside {
            None => format!("leases.holder = excluded.holder or leases.expires < {clock} - $4"),
            Some(_) => format!("leases.expires > {LAID_DOWN} and leases.expires < {clock} - $4"),
        };
        let sql = format!(
            "insert into leases (name, holder, fence, expires) values ($1, $2, 1, {clock} + $3)
             on conflict (name) do update set
                 holder = excluded.holder, expires = excluded.expires,
                 fence = leases.fence + case when leases.holder = excluded.holder then 0 else 1 end
             where {may_be_taken}
             returning fence"
        );
        let behind = if aside.is_some() { BEHIND } else { Duration::ZERO };
        let upsert =
            statement(sqlx::AssertSqlSafe(sql)).bind(LAKE).bind(self.holder.as_str()).bind(microseconds(LASTS)).bind(microseconds(behind));
        let fence: Option<(i64,)> = self.meta.database().returning(upsert).await?;
        if fence.is_some() {
            *aside = None;
        }
        self.note(fence.map(|(fence,)| fence));
        Ok(())
    }

    /// Releases the lease so that another replica can do the work. If there is no other, this replica tries again after [`ASIDE`]. False if
    /// this replica does not hold the lease.
    pub(crate) async fn step_aside(&self) -> bool {
        let mut aside = self.aside.lock().await;
        if self.held.borrow().is_none() {
            return false;
        }
        tracing::warn!("steps aside: releases the lease, because another replica may reach or know what this replica does not");
        *aside = Some(Instant::now() + ASIDE);
        self.free(&LAID_DOWN.to_string()).await;
        true
    }

    /// Asks for the lease and renews it until stopped, then releases it, so that another replica continues at once.
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
                        tracing::warn!(error = format!("{:#}", explain(error)), "cannot renew the lease");
                    }
                }
                Err(_) => self.note(None),
            }
        }
        self.free(self.meta.database().clock()).await;
    }

    /// Ends this replica's lease. `expired` is an SQL expression for the new expiry time.
    async fn free(&self, expired: &str) {
        self.note(None);
        let clock = self.meta.database().clock();
        let sql = format!("update leases set expires = {expired} where name = $1 and holder = $2 and expires > {clock}");
        let release = statement(sqlx::AssertSqlSafe(sql)).bind(LAKE).bind(self.holder.as_str());
        if let Ok(Err(error)) = tokio::time::timeout(LASTS, self.meta.database().execute(release)).await {
            tracing::warn!(error = format!("{:#}", explain(error)), "cannot release the lease");
        }
    }

    fn note(&self, fence: Option<i64>) {
        let changed = self.held.send_if_modified(|held| std::mem::replace(held, fence) != fence);
        if changed {
            match fence {
                Some(fence) => tracing::info!(lease.fence = fence, "acquired the lease: this replica compacts"),
                None => tracing::info!("no longer holds the lease"),
            }
        }
    }
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment of the database's clock that is not reached while a test runs.
    const THEN: Duration = Duration::from_secs(4_102_444_800);

    /// Two replicas of a store, the first of which holds the lease since [`THEN`].
    async fn replicas(folder: &tempfile::TempDir) -> anyhow::Result<(Lease, Lease)> {
        let meta = Meta::open_folder(folder.path()).await?;
        let (one, other) = (Lease::new(meta.clone()), Lease::new(meta));
        assert!(takes(&one, THEN).await? && !takes(&other, THEN).await?);
        Ok((one, other))
    }

    /// Whether it holds the lease after it asked at that moment of the database's clock.
    async fn takes(lease: &Lease, at: Duration) -> anyhow::Result<bool> {
        takes_at(lease, Instant::now(), at).await
    }

    async fn takes_at(lease: &Lease, now: Instant, at: Duration) -> anyhow::Result<bool> {
        lease.ask(now, &microseconds(at).to_string()).await?;
        Ok(lease.held.borrow().is_some())
    }

    #[tokio::test]
    async fn a_replica_that_stepped_aside_leaves_a_free_lease_to_others_and_takes_one_that_nobody_takes() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (one, other) = replicas(&folder).await?;
        assert!(one.step_aside().await);
        assert!(takes(&other, THEN).await?, "a released lease is free at once");
        // It dies.
        let free = THEN + LASTS;
        assert!(!takes(&one, free + TICK).await?, "other replicas come first");
        assert!(takes(&one, free + BEHIND + TICK).await?, "there is no other replica");
        let fence = *one.held.borrow();
        // By now it holds the lease as any other does.
        assert!(takes(&one, free + BEHIND + TICK * 2).await?);
        assert_eq!(*one.held.borrow(), fence);
        assert!(!takes(&other, free + BEHIND + TICK * 3).await?);
        Ok(())
    }

    #[tokio::test]
    async fn if_no_replica_can_do_the_work_each_retries_at_intervals() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (one, other) = replicas(&folder).await?;
        assert!(one.step_aside().await);
        assert!(takes(&other, THEN).await?);
        assert!(other.step_aside().await);
        let long_after = THEN + ASIDE * 100;
        assert!(!takes(&one, long_after).await? && !takes(&other, long_after).await?, "each replica tries in turn");
        assert!(takes_at(&one, Instant::now() + ASIDE, long_after).await?);
        Ok(())
    }

    #[tokio::test]
    async fn a_replica_that_stepped_aside_does_not_keep_a_lease_that_it_could_not_release() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (one, other) = replicas(&folder).await?;
        *one.aside.lock().await = Some(Instant::now() + ASIDE);
        assert!(!takes(&one, THEN + TICK).await?);
        assert!(takes(&other, THEN + LASTS + TICK).await?);
        Ok(())
    }
}
