//! A PostgreSQL that a collector reads into a backend, and what every test of that asks.

use crate::drive::backend::{Api, Backend};
use crate::drive::collector::Collector;
use crate::servers::postgres::{Options, Postgres, execute};
use crate::wait::{PATIENCE, until};
use anyhow::{Context, Result, ensure};
use pganalytics_views::{Kind, ViewSet};
use serde_json::{Value, json};
use sqlx::Executor;
use sqlx::postgres::PgConnection;

/// Its fields end in this order.
#[derive(Debug)]
pub struct Watched {
    pub collector: Collector,
    pub backend: Backend,
    pub postgres: Postgres,
}

impl Watched {
    /// A server of this version as the target `db`, with `pg_stat_statements`; returns when it was read twice, so that whatever
    /// happens from now on shows as a delta.
    pub async fn start(major: u32) -> Result<Self> {
        Self::start_with(major, Options::default()).await
    }

    pub async fn start_with(major: u32, options: Options) -> Result<Self> {
        let (postgres, backend) = tokio::try_join!(Postgres::start_with(major, options), Backend::start())?;
        postgres.execute("create extension pg_stat_statements").await?;
        let collector = Collector::start(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
        let watched = Self { collector, backend, postgres };
        watched.rounds(1).await?;
        Ok(watched)
    }

    pub fn api(&self) -> &Api {
        &self.backend.api
    }

    /// Waits until a statement has rows, and yields them; an error holds what the collector found wrong meanwhile.
    pub async fn rows_of(&self, query: &str) -> Result<Vec<Vec<Value>>> {
        let error = match self.api().rows_of(query).await {
            Ok(rows) => return Ok(rows),
            Err(error) => error,
        };
        let cost = "select view, datname, sum(polls), sum(errors), sum(rows_read), max(last_error) from pganalytics_cost group by 1, 2 order by 1, 2";
        let cost = self.api().sql(cost).await.unwrap_or_default();
        Err(error.context(format!("the collector's log:\n{}\nits cost:\n{}", self.collector.log(), json!(cost))))
    }

    /// Waits until statements were read, and stored, `count` times more. The collector's own statements are among them, so each
    /// round has rows.
    pub async fn rounds(&self, count: usize) -> Result<()> {
        rounds(self.api(), "db", count).await.with_context(|| format!("the collector says:\n{}", self.collector.log()))
    }
}

/// See [`Watched::rounds`].
pub async fn rounds(api: &Api, server: &str, count: usize) -> Result<()> {
    let now: Option<String> = latest(api, server).await.unwrap_or_default();
    let since = now.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
    let query = format!("select distinct ts from pg_stat_statements where server = '{server}' and ts > '{since}'");
    until(&format!("{count} more readings of {server}'s statements"), PATIENCE, async || {
        let rows = api.sql(&query).await?;
        ensure!(rows.len() >= count, "there were {}", rows.len());
        Ok(Some(()))
    })
    .await
}

async fn latest(api: &Api, server: &str) -> Result<Option<String>> {
    let value = api.value(&format!("select max(ts) from pg_stat_statements where server = '{server}'")).await?;
    Ok(value.as_str().map(ToOwned::to_owned))
}

/// Runs a statement many times over one connection.
pub async fn repeat(connection: &mut PgConnection, sql: &'static str, times: usize) -> Result<()> {
    for _ in 0..times {
        connection.execute(sql).await.with_context(|| sql.to_owned())?;
    }
    Ok(())
}

/// What PostgreSQL itself counts for the statement whose normalised text begins so: query id and calls.
pub async fn truth(connection: &mut PgConnection, text: &str) -> Result<(i64, i64)> {
    sqlx::query_as("select queryid, calls from pg_stat_statements where query like $1 || '%' and toplevel")
        .bind(text)
        .fetch_one(connection)
        .await
        .with_context(|| format!("find the statement {text}"))
}

/// The calls of a statement that the backend knows of.
pub fn calls(queryid: i64) -> String {
    format!("select sum(calls) from pg_stat_statements where server = 'db' and queryid = {queryid}")
}

/// No row is there twice, no counter has a negative delta, and none is larger than a test can have caused.
pub async fn judge(api: &Api) -> Result<()> {
    /// Nanoseconds of a year; no count, size or time in a test comes near.
    const HUGE: i64 = 31_536_000_000_000_000;
    for view in ViewSet::builtin()?.iter() {
        let labels: String = view.labels().map(|column| format!(", {}", column.name)).collect();
        let name = &view.name;
        let twice = api
            .sql(&format!("select server, ts{labels}, count(*) from {name} group by server, ts{labels} having count(*) > 1 limit 5"))
            .await?;
        ensure!(twice.is_empty(), "{name} has rows more than once: {twice:?}");
        for column in view.columns.iter().filter(|column| column.kind == Kind::Counter) {
            let column = &column.name;
            let bad = api.sql(&format!("select ts, {column} from {name} where {column} < 0 or {column} > {HUGE} limit 5")).await?;
            ensure!(bad.is_empty(), "{name}.{column} has impossible deltas: {bad:?}");
        }
        let spans = api.sql(&format!("select ts, interval_ms from {name} where interval_ms < 0 limit 5")).await?;
        ensure!(spans.is_empty(), "{name} has intervals that run backwards: {spans:?}");
    }
    Ok(())
}

/// No view has failed on any of the servers. That a reading is stretched because it took more than its share is no failure: here
/// every view is read each second, on a machine that is busy with other tests.
pub async fn nothing_failed(api: &Api) -> Result<()> {
    let failed = "select server, view, datname, max(last_error) from pganalytics_cost \
                  where errors > 0 or last_error not like 'over budget%' group by 1, 2, 3";
    let failed = api.sql(failed).await?;
    ensure!(failed.is_empty(), "these views failed: {failed:?}");
    Ok(())
}

/// The newest row of `pganalytics_server`: (up, error).
pub async fn newest_state(api: &Api, server: &str) -> Result<Option<(bool, Option<String>)>> {
    let rows = api.sql(&format!("select up, error from pganalytics_server where server = '{server}' order by ts desc limit 1")).await?;
    Ok(rows.first().map(|row| (row[0].as_bool().unwrap_or(false), row[1].as_str().map(ToOwned::to_owned))))
}

/// Waits until a server is seen down for a reason with this word, and yields the reason.
pub async fn down(api: &Api, server: &str, word: &str) -> Result<String> {
    until(&format!("{server} to be seen down, '{word}'"), PATIENCE, async || match newest_state(api, server).await? {
        Some((false, Some(error))) if error.to_lowercase().contains(word) => Ok(Some(error)),
        other => anyhow::bail!("it is {other:?}"),
    })
    .await
}

/// Waits until a server is seen up.
pub async fn up(api: &Api, server: &str) -> Result<()> {
    until(&format!("{server} to be seen up"), PATIENCE, async || match newest_state(api, server).await? {
        Some((true, None)) => Ok(Some(())),
        other => anyhow::bail!("it is {other:?}"),
    })
    .await
}

/// A way to leave a transaction open on purpose.
pub async fn begin(server: &Postgres, database: &str, sql: &str) -> Result<PgConnection> {
    let mut connection = server.connect_to(database, "postgres", None).await?;
    execute(&mut connection, &format!("begin; {sql}")).await?;
    Ok(connection)
}
