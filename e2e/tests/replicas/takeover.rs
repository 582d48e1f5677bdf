//! The lease: another replica takes it within two seconds when its holder dies, also a replica that had stepped aside, and at once when the holder stops.
//!
//! Times are those of the database's clock, as the lease's are, and are printed. A slow test machine may delay some takeovers, but the best takeover must
//! keep the promise. It cannot if the lease lasts too long or replicas ask too rarely.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::drive::replicas::{holder, migrated, next_term, replica, term};
use e2e::judge::{Shipper, spread};
use e2e::servers::Postgres;
use e2e::wait::{PATIENCE, until};

/// The promised time.
const PROMISE: Duration = Duration::from_secs(2);
/// Takeovers of each kind. Each replica holds the lease more than once.
const TAKEOVERS: usize = 5;

#[tokio::test]
async fn another_replica_takes_the_lease_within_two_seconds_of_a_kill_and_at_once_after_a_clean_stop() -> Result<()> {
    let postgres = Postgres::start(18).await?;
    let url = migrated(&postgres).await?;
    let mut replicas = futures::future::try_join_all((0..3).map(|_| replica(&url, "database"))).await?;
    let mut session = postgres.connect().await?;
    let (mut killed, mut stopped, mut at_once) = (Vec::new(), Vec::new(), 0);
    for round in 0..2 * TAKEOVERS {
        let (holder, before) = holder(&mut session, &replicas).await?;
        if round % 2 == 0 {
            replicas[holder].kill();
            let (next, _) = next_term(&mut session, before).await?;
            killed.push(Duration::from_micros((next.now - before.now).unsigned_abs()));
        } else {
            replicas[holder].terminate()?;
            let (next, last) = next_term(&mut session, before).await?;
            stopped.push(Duration::from_micros((next.now - before.now).unsigned_abs()));
            // Whether the takeover came before the old term ended.
            at_once += usize::from(next.now < last.expires.max(before.expires));
            replicas[holder].stop()?;
        }
        replicas[holder].run().await?;
    }
    println!("takeovers after kill -9: {}", spread(&killed));
    println!("handed over after SIGTERM: {}", spread(&stopped));
    ensure!(killed.iter().any(|took| *took <= PROMISE), "no takeover came within {} s: {killed:?}", PROMISE.as_secs());
    ensure!(at_once > 0, "after a clean stop the next holder always waited for the end of the term: {stopped:?}");
    Ok(())
}

#[tokio::test]
async fn a_replica_that_had_stepped_aside_takes_the_lease_of_a_dead_holder() -> Result<()> {
    let postgres = Postgres::start(18).await?;
    let url = migrated(&postgres).await?;
    let folder = tempfile::tempdir().context("create a temporary folder")?;
    let history = folder.path().join("history");
    let store = format!("file://{}", history.display());
    let replicas = futures::future::try_join_all((0..2).map(|_| replica(&url, &store))).await?;
    let mut session = postgres.connect().await?;
    // A file stands in the place of the folder of files, so no replica can write files.
    std::fs::remove_dir_all(&history).context("remove the folder of files")?;
    std::fs::write(&history, "").context("put a file in its place")?;
    let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
    shipper.ship_batches(&replicas[0].api, 1).await?;
    let mut followed = Vec::new();
    for _ in 0..TAKEOVERS {
        until("all replicas to have stepped aside", PATIENCE, async || {
            let all = replicas.iter().all(|replica| replica.log().contains("steps aside"));
            Ok((all && term(&mut session).await?.expires == 0).then_some(()))
        })
        .await?;
        // The lease's holder is a replica that is gone.
        sqlx::query("update leases set holder = 'gone', fence = fence + 1, expires = cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)")
            .execute(&mut session)
            .await
            .context("give the lease to a replica that is gone")?;
        let before = term(&mut session).await?;
        let (next, _) = next_term(&mut session, before).await?;
        followed.push(Duration::from_micros((next.now - before.expires).unsigned_abs()));
    }
    println!("takeovers by replicas that had stepped aside: {}", spread(&followed));
    let kept = followed.iter().filter(|took| **took <= PROMISE).count();
    ensure!(2 * kept > TAKEOVERS, "most takeovers took longer than {} s: {followed:?}", PROMISE.as_secs());
    Ok(())
}
