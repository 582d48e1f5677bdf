//! A PostgreSQL that a collector reads into a backend, and the questions that most tests ask.

use anyhow::{Context, Result, ensure};
use pganalytics_views::{Kind, ViewSet};
use serde_json::{Value, json};
use sqlx::Executor;
use sqlx::postgres::PgConnection;

use super::backend::Backend;
use super::collector::Collector;
use crate::api::Api;
use crate::servers::postgres::{Options, Postgres, execute};
use crate::wait::{PATIENCE, until};

/// A watched server. Fields are dropped in order: collector, backend, server.
#[derive(Debug)]
pub struct Watched {
    pub collector: Collector,
    pub backend: Backend,
    pub postgres: Postgres,
}

impl Watched {
    /// Starts a server of this version, with `pg_stat_statements`, as the target `db`. Returns after the second reading, so that all later activity
    /// shows as deltas.
    ///
    /// # Errors
    /// If a part does not start.
    pub async fn start(major: u32) -> Result<Self> {
        Self::start_with(major, Options::default()).await
    }

    /// The same with options of the server.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_with(major: u32, options: Options) -> Result<Self> {
        Self::start_configured(major, options, "").await
    }

    /// The same with options of the server, and lines that [`Collector::configure`] merges into the collector's configuration.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_configured(major: u32, options: Options, lines: &str) -> Result<Self> {
        let (postgres, backend) = tokio::try_join!(Postgres::start_with(major, options), Backend::start())?;
        postgres.execute("create extension pg_stat_statements").await?;
        let mut collector = Collector::prepare(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
        collector.configure(lines)?;
        collector.run()?;
        let watched = Self { collector, backend, postgres };
        watched.rounds(1).await?;
        Ok(watched)
    }

    /// The backend's API.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.backend.api
    }

    /// Waits until a statement has rows, and returns the rows. The error has the collector's log and its failed readings.
    ///
    /// # Errors
    /// If the deadline passes.
    pub async fn rows_of(&self, query: &str) -> Result<Vec<Vec<Value>>> {
        let error = match self.api().rows_of(query).await {
            Ok(rows) => return Ok(rows),
            Err(error) => error,
        };
        let cost = "select view, datname, sum(polls), sum(errors), sum(rows_read), max(last_error) from pganalytics_cost group by 1, 2 order by 1, 2";
        let cost = self.api().sql(cost).await.unwrap_or_default();
        Err(error.context(format!("the collector's log:\n{}\npganalytics_cost:\n{}", self.collector.log(), json!(cost))))
    }

    /// Waits for `count` more readings of `pg_stat_statements`. Each has rows: the collector's own statements.
    ///
    /// # Errors
    /// If the deadline passes; the error has the collector's log.
    pub async fn rounds(&self, count: usize) -> Result<()> {
        rounds(self.api(), "db", count).await.with_context(|| format!("the collector's log:\n{}", self.collector.log()))
    }
}

/// See [`Watched::rounds`].
///
/// # Errors
/// If the deadline passes.
pub async fn rounds(api: &Api, server: &str, count: usize) -> Result<()> {
    let now: Option<String> = latest(api, server).await.unwrap_or_default();
    let since = now.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
    let query = format!("select distinct ts from pg_stat_statements where server = '{server}' and ts > '{since}'");
    until(&format!("{count} more readings of {server}'s statements"), PATIENCE, async || {
        let rows = api.sql(&query).await?;
        ensure!(rows.len() >= count, "there were {} readings", rows.len());
        Ok(Some(()))
    })
    .await
}

async fn latest(api: &Api, server: &str) -> Result<Option<String>> {
    let value = api.value(&format!("select max(ts) from pg_stat_statements where server = '{server}'")).await?;
    Ok(value.as_str().map(ToOwned::to_owned))
}

/// Runs a statement many times over one connection.
///
/// # Errors
/// The server's.
pub async fn repeat(connection: &mut PgConnection, sql: &'static str, times: usize) -> Result<()> {
    for _ in 0..times {
        connection.execute(sql).await.with_context(|| sql.to_owned())?;
    }
    Ok(())
}

/// Query id and calls of a statement, by PostgreSQL's own count. `text` is the beginning of the normalised text.
///
/// # Errors
/// If the server does not know the statement.
pub async fn truth(connection: &mut PgConnection, text: &str) -> Result<(i64, i64)> {
    sqlx::query_as("select queryid, calls from pg_stat_statements where query like $1 || '%' and toplevel")
        .bind(text)
        .fetch_one(connection)
        .await
        .with_context(|| format!("find the statement {text}"))
}

/// SQL for the calls of a statement in the history.
#[must_use]
pub fn calls(queryid: i64) -> String {
    format!("select sum(calls) from pg_stat_statements where server = 'db' and queryid = {queryid}")
}

/// Checks all views: no row is there twice, and no counter has a delta that is negative or larger than a test can cause.
///
/// # Errors
/// The first impossible rows.
pub async fn judge(api: &Api) -> Result<()> {
    /// The nanoseconds of a year: counts, sizes and times of tests stay far below.
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

/// Checks that no view has failed on any server. A stretched interval is no failure: tests read every view each second, on a machine that other tests
/// keep busy.
///
/// # Errors
/// The views that failed, with their errors.
pub async fn nothing_failed(api: &Api) -> Result<()> {
    let failed = "select server, view, datname, max(last_error) from pganalytics_cost \
                  where errors > 0 or last_error not like 'over budget%' group by 1, 2, 3";
    let failed = api.sql(failed).await?;
    ensure!(failed.is_empty(), "these views failed: {failed:?}");
    Ok(())
}

/// The newest row of `pganalytics_server`: (up, error).
///
/// # Errors
/// If there is no answer.
pub async fn newest_state(api: &Api, server: &str) -> Result<Option<(bool, Option<String>)>> {
    let rows = api.sql(&format!("select up, error from pganalytics_server where server = '{server}' order by ts desc limit 1")).await?;
    Ok(rows.first().map(|row| (row[0].as_bool().unwrap_or(false), row[1].as_str().map(ToOwned::to_owned))))
}

/// Waits until a server is seen down with an error that has this word. Returns the error.
///
/// # Errors
/// If the deadline passes.
pub async fn down(api: &Api, server: &str, word: &str) -> Result<String> {
    until(&format!("{server} to be seen down, '{word}'"), PATIENCE, async || match newest_state(api, server).await? {
        Some((false, Some(error))) if error.to_lowercase().contains(word) => Ok(Some(error)),
        other => anyhow::bail!("the newest state is {other:?}"),
    })
    .await
}

/// Waits until a server is seen up.
///
/// # Errors
/// If the deadline passes.
pub async fn up(api: &Api, server: &str) -> Result<()> {
    until(&format!("{server} to be seen up"), PATIENCE, async || match newest_state(api, server).await? {
        Some((true, None)) => Ok(Some(())),
        other => anyhow::bail!("the newest state is {other:?}"),
    })
    .await
}

/// Opens a transaction, runs a statement, and returns the connection: the transaction stays open until the connection is dropped.
///
/// # Errors
/// The server's.
pub async fn begin(server: &Postgres, database: &str, sql: &str) -> Result<PgConnection> {
    let mut connection = server.connect_to(database, "postgres", None).await?;
    execute(&mut connection, &format!("begin; {sql}")).await?;
    Ok(connection)
}
