//! A clock that jumps by an hour: of one backend among replicas with the right time, and of a collector.

use anyhow::{Context, Result, ensure};
use e2e::drive::replicas::{holder, migrated, next_term, term};
use e2e::drive::watched::rounds;
use e2e::drive::{Backend, Collector, Settings};
use e2e::harm::Clock;
use e2e::judge::{Shipper, SpoolWatch};
use e2e::servers::Postgres;
use e2e::wait::{PATIENCE, until};

const HOUR: i64 = 3_600;

#[tokio::test]
async fn a_backend_whose_clock_jumps_keeps_the_lease_its_logins_and_every_row() -> Result<()> {
    let postgres = Postgres::start(18).await?;
    let url = migrated(&postgres).await?;
    let clocks = [Clock::new()?, Clock::new()?];
    let mut replicas = Vec::new();
    for clock in &clocks {
        let mut settings = Settings::flags(&["--database-url", &url, "--store", "database", "--compact-every", "1s"]);
        settings.environment = clock.environment();
        replicas.push(Backend::start_with(settings).await?);
    }
    let mut shipper = Shipper::new(&replicas[0].api, "shipper").await?;
    let mut session = postgres.connect().await?;
    for jump in [HOUR, -HOUR, 0] {
        let (holder, before) = holder(&mut session, &replicas).await?;
        clocks[holder].jump(jump)?;
        until("the backend's new time", PATIENCE, async || {
            let health = replicas[holder].api.request(reqwest::Method::GET, "/api/v1/health", None).await?;
            let shown = health["timestamp"].as_str().context("a time")?.get(..13).context("an hour")?.to_owned();
            let sql = "select to_char((now() + $1 * interval '1 second') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24')";
            let expected: String = sqlx::query_scalar(sql).bind(jump).fetch_one(&mut session).await?;
            Ok((shown == expected).then_some(()))
        })
        .await?;
        for replica in &replicas {
            shipper.ship_batches(&replica.api, 1).await?;
        }
        for replica in &replicas {
            shipper.judge(&replica.api).await.with_context(|| format!("after a jump of {jump} s"))?;
        }
        // The holder still compacts under its old fence: neither it nor the other replica thought that the lease had ended.
        replicas[1 - holder].api.all_rows_in_files().await?;
        let after = term(&mut session).await?;
        ensure!(after.fence == before.fence, "the holder of the lease changed because a clock jumped: {before:?}, {after:?}");
        shipper.judge(&replicas[holder].api).await?;
        // Another replica takes the lease over as usual.
        replicas[holder].terminate()?;
        next_term(&mut session, after).await?;
        replicas[holder].stop()?;
        replicas[holder].run().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_collector_whose_clock_jumps_loses_no_row_and_counts_no_interval_backwards() -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(18), Backend::start())?;
    postgres.execute("create extension pg_stat_statements").await?;
    let clock = Clock::new()?;
    let mut collector = Collector::prepare(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
    collector.environment = clock.environment();
    std::fs::create_dir_all(collector.spool()).context("create the spool")?;
    let spool = SpoolWatch::watch(collector.spool())?;
    collector.run()?;
    rounds(&backend.api, "db", 2).await.with_context(|| collector.log())?;
    for jump in [HOUR, -HOUR, 0] {
        clock.jump(jump)?;
        let comparison = match jump {
            HOUR => "ts > now() + interval '30 minutes'".to_owned(),
            0 => format!(
                "ts between now() - interval '30 minutes' and now() + interval '30 minutes' and ts > '{}'",
                newest_by_now(&backend).await?
            ),
            _ => "ts < now() - interval '30 minutes'".to_owned(),
        };
        let sql = format!("select count(distinct ts) from pg_stat_statements where server = 'db' and {comparison}");
        until(&format!("readings after a jump of {jump} s"), PATIENCE, async || Ok((backend.api.integer(&sql).await? >= 2).then_some(())))
            .await
            .with_context(|| collector.log())?;
    }
    collector.stop()?;
    ensure!(spool.is_empty(), "batches were left in the spool");
    spool.judge(&backend.api).await?;
    e2e::drive::watched::judge(&backend.api).await
}

/// The newest reading that is not an hour in the future.
async fn newest_by_now(backend: &Backend) -> Result<String> {
    let newest =
        backend.api.value("select max(ts) from pg_stat_statements where server = 'db' and ts < now() + interval '30 minutes'").await?;
    Ok(newest.as_str().context("a reading")?.to_owned())
}
