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
        until(&format!("the backend to notice a jump of {jump} s"), PATIENCE, async || {
            let known = backend.api.collector(&collector.name()).await?.context("the collector")?;
            Ok((known["clock_wrong"] == (jump != 0)).then_some(()))
        })
        .await
        .with_context(|| collector.log())?;
        rounds(&backend.api, "db", 2).await.with_context(|| collector.log())?;
        nothing_is_in_the_future(&backend).await?;
    }
    collector.stop()?;
    ensure!(spool.is_empty(), "batches were left in the spool");
    spool.judge_counts(&backend.api).await?;
    e2e::drive::watched::judge(&backend.api).await
}

/// The collector's clock is a day ahead, then right, and then the collector dies: its server is not shown as up.
#[tokio::test]
async fn a_server_is_last_seen_by_the_backends_clock_whatever_its_collectors_clock_said() -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(18), Backend::start_with(Settings::flags(&["--compact-every", "1s"])))?;
    postgres.execute("create extension pg_stat_statements").await?;
    let clock = Clock::new()?;
    clock.jump(24 * HOUR)?;
    let mut collector = Collector::prepare(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
    collector.environment = clock.environment();
    collector.run()?;
    rounds(&backend.api, "db", 2).await.with_context(|| collector.log())?;
    nothing_is_in_the_future(&backend).await?;
    clock.jump(0)?;
    rounds(&backend.api, "db", 3).await.with_context(|| collector.log())?;
    collector.kill();
    let known = backend.api.collector(&collector.name()).await?.context("the collector")?;
    ensure!(known["moved_rows"].as_i64() > Some(0) && known["last_moved"].is_string(), "{known}");
    ensure!(
        backend.log().contains("a collector's clock is wrong") && backend.log().contains("clock is correct again"),
        "{}",
        backend.log()
    );
    let health = backend.api.request(reqwest::Method::GET, "/api/v1/health", None).await?;
    let servers = backend.api.request(reqwest::Method::GET, "/api/v1/servers", None).await?;
    let (now, seen) = (health["timestamp"].as_str().context("a time")?, servers[0]["last_seen"].as_str().context("a time")?);
    ensure!(seen <= now, "the server was last seen {seen}, and it is {now}");
    nothing_is_in_the_future(&backend).await?;
    // Readings of the right clock count, too.
    let minutes =
        "select count(*) from pganalytics_fleet_minutes where server = 'db' and ts > now() - interval '10 minutes' and transactions > 0";
    ensure!(backend.api.integer(minutes).await? > 0, "no minutes are kept");
    backend.api.all_rows_in_files().await?;
    nothing_is_in_the_future(&backend).await
}

/// No time is in the future, or further in the past than a clock was. The rows of a batch that a clock gave while it was behind, and that was closed
/// after the clock was set right, look like rows that waited: they keep their times.
async fn nothing_is_in_the_future(backend: &Backend) -> Result<()> {
    for view in ["pg_stat_statements", "pganalytics_server", "pg_stat_activity", "pganalytics_fleet", "pganalytics_fleet_minutes"] {
        let sql = format!("select count(*) from {view} where ts > now() or ts < now() - interval '90 minutes'");
        let far = backend.api.integer(&sql).await?;
        ensure!(far == 0, "{far} rows of {view} have times far from their receipt");
    }
    Ok(())
}
