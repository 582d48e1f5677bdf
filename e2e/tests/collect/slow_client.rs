//! A collector that hangs while it receives an answer: the server keeps no snapshot for it, which would stop VACUUM in every database.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::drive::watched::up;
use e2e::drive::{Backend, Collector, Settings};
use e2e::servers::Postgres;
use e2e::servers::postgres::MAJORS;
use e2e::wait::{PATIENCE, until};
use sqlx::postgres::PgConnection;

/// A view whose answer, 40 MB, fits into no connection's buffers.
const LARGE: &str = "name = 'large'\nsummary = 'A large answer.'\nscope = 'server'\ninterval = '1s'\ntimeout = '60s'\nmax_rows = 30000\n\
    [[columns]]\nname = 'n'\nkind = 'label'\ntype = 'int8'\nhelp = 'A number.'\n\
    [[columns]]\nname = 'wide'\nkind = 'text'\ntype = 'text'\nhelp = 'A wide text.'\n\
    [[sql]]\nfrom = 14\nquery = \"select g::pg_catalog.int8 as n, pg_catalog.repeat('x', 2000) as wide from pg_catalog.generate_series(1, 20000) as g\"\n";

/// Writes the view into a folder, which collector and backend read.
fn large_view(folder: &Path) -> Result<()> {
    std::fs::write(folder.join("large.toml"), LARGE).context("write the view")
}

/// The collector's sessions that hold a snapshot.
async fn holders(connection: &mut PgConnection) -> Result<Vec<String>> {
    let sql = "select concat_ws(' ', pid, state, wait_event, backend_xmin) from pg_stat_activity \
               where application_name = 'pganalytics' and backend_xmin is not null";
    sqlx::query_scalar(sql).fetch_all(connection).await.context("list the sessions that hold a snapshot")
}

/// Freezes the collector within a large reading, and waits until the server holds no snapshot for it.
async fn check(major: u32, conninfo: impl Fn(&Postgres) -> String) -> Result<()> {
    let folder = tempfile::tempdir()?;
    large_view(folder.path())?;
    let views = folder.path().display().to_string();
    let (postgres, backend) = tokio::try_join!(Postgres::start(major), Backend::start_with(Settings::flags(&["--views", &views])))?;
    let mut collector = Collector::prepare(&backend, &[("db", conninfo(&postgres))]).await?;
    collector.configure(&format!("[collector]\nviews = {views:?}\n"))?;
    collector.run()?;
    up(&backend.api, "db").await.with_context(|| collector.log())?;
    let mut witness = postgres.connect().await?;
    let caught = until("the collector to be frozen within a reading", PATIENCE, async || {
        collector.freeze()?;
        // A short query of a session that is not in the large reading ends by itself.
        for _ in 0..10 {
            if holders(&mut witness).await?.is_empty() {
                collector.thaw()?;
                return Ok(None);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(Some(holders(&mut witness).await?))
    });
    let caught = caught.await.with_context(|| collector.log())?;
    let freed = until("the server to hold no snapshot for the collector", PATIENCE, async || {
        let held = holders(&mut witness).await?;
        ensure!(held.is_empty(), "{held:?}, at first {caught:?}");
        Ok(Some(()))
    });
    freed.await.with_context(|| format!("PostgreSQL {major}: {}", postgres.log()))?;
    // Back at work, the collector reads on.
    collector.thaw()?;
    let query = "select 1 from pganalytics_server where server = 'db' and up and ts > now() - interval '5 seconds' limit 1";
    until("the collector to read again", PATIENCE, async || Ok((!backend.api.sql(query).await?.is_empty()).then_some(())))
        .await
        .with_context(|| collector.log())
}

#[tokio::test]
async fn no_snapshot_is_held_for_a_frozen_collector_over_tcp() -> Result<()> {
    for major in [MAJORS[0], MAJORS[4]] {
        check(major, |postgres| postgres.conninfo("postgres", None)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_snapshot_is_held_for_a_frozen_collector_on_a_unix_socket() -> Result<()> {
    for major in [MAJORS[0], MAJORS[4]] {
        check(major, |postgres| format!("host={} port={} user=postgres dbname=postgres", postgres.folder().display(), postgres.port))
            .await?;
    }
    Ok(())
}
