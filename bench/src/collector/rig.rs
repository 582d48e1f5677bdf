//! The PostgreSQL that both collectors read: 200 tables and 2,200 distinct statements, of which a session calls 39 % between two polls.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::machine::meter;
use e2e::servers::Postgres;
use e2e::servers::postgres::{Options, execute};
use e2e::wait::{PATIENCE, until};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tokio::sync::watch;

pub(crate) const MAJOR: u32 = 17;
pub(crate) const TABLES: usize = 200;
/// Statements of each table.
const SHAPES: usize = 11;
pub(crate) const STATEMENTS: usize = TABLES * SHAPES;
/// Of 100 statements, how many are called between any two polls, and how many sometimes.
const ALWAYS: usize = 25;
const SOMETIMES: usize = 14;
/// The role of the collectors. The CPU of its sessions is the cost of a collector.
pub(crate) const READER: &str = "reader";
const DATABASE: &str = "shop";

pub(crate) struct Rig {
    pub(crate) postgres: Postgres,
    postmaster: u32,
    stop: watch::Sender<bool>,
    activity: Option<tokio::task::JoinHandle<Result<()>>>,
}

impl Rig {
    /// Starts PostgreSQL and fills it.
    ///
    /// # Errors
    /// If PostgreSQL does not start or refuses a statement.
    pub(crate) async fn start() -> Result<Self> {
        let options = Options::default()
            .set("pg_stat_statements.max", "10000")
            // The CPU of a vacuum would be counted as a collector's.
            .set("autovacuum", "off")
            .set("shared_buffers", "128MB");
        let postgres = Postgres::start_with(MAJOR, options).await?;
        for sql in ["create role reader login in role pg_monitor", "create database shop", "create extension pg_stat_statements"] {
            postgres.execute(sql).await?;
        }
        let mut connection = connect(&postgres, "postgres").await?;
        execute(&mut connection, "create extension pg_stat_statements").await?;
        for table in 0..TABLES {
            let sql = format!(
                "create table item_{table} (id bigint primary key, owner_id bigint, state text, amount numeric, note text, created_at timestamptz default now());
                 create index on item_{table} (owner_id);
                 insert into item_{table} select i, i % 17, 'open', i, 'a note', now() from generate_series(1, 200) i;"
            );
            execute(&mut connection, &sql).await?;
        }
        execute(&mut connection, "analyze; select pg_stat_statements_reset()").await?;
        for number in 0..STATEMENTS {
            execute(&mut connection, &statement(number)).await?;
        }
        let file = postgres.folder().join("data/postmaster.pid");
        let pid = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let postmaster = pid.lines().next().and_then(|line| line.trim().parse().ok()).context("the postmaster's process id")?;
        Ok(Self { postgres, postmaster, stop: watch::Sender::new(false), activity: Some(tokio::spawn(std::future::ready(Ok(())))) })
    }

    /// Begins to call 39 % of the statements in every `interval`.
    ///
    /// # Errors
    /// If PostgreSQL refuses the connection.
    pub(crate) async fn live(&mut self, interval: Duration) -> Result<()> {
        let connection = connect(&self.postgres, "postgres").await?;
        self.activity = Some(tokio::spawn(live(connection, interval, self.stop.subscribe())));
        Ok(())
    }

    /// Ends the calls.
    ///
    /// # Errors
    /// The error of a call.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.stop.send_replace(true);
        match self.activity.take() {
            Some(activity) => activity.await.context("the activity")?,
            None => Ok(()),
        }
    }

    /// The number of statements that the server knows.
    ///
    /// # Errors
    /// If PostgreSQL refuses.
    pub(crate) async fn statements(&self) -> Result<i64> {
        let mut connection = connect(&self.postgres, READER).await?;
        let row =
            sqlx::query("select count(*) from pg_stat_statements(false)").fetch_one(&mut connection).await.context("count statements")?;
        row.try_get(0).context("count statements")
    }

    /// A session and its process.
    ///
    /// # Errors
    /// If PostgreSQL refuses.
    pub(crate) async fn session(&self) -> Result<(PgConnection, u32)> {
        let mut connection = connect(&self.postgres, READER).await?;
        let row = sqlx::query("select pg_backend_pid()").fetch_one(&mut connection).await.context("ask for the process id")?;
        let process: i32 = row.try_get(0).context("ask for the process id")?;
        Ok((connection, process.unsigned_abs()))
    }

    /// The connection string for a collector.
    #[must_use]
    pub(crate) fn conninfo(&self) -> String {
        format!("postgresql://{READER}@127.0.0.1:{}/{DATABASE}?sslmode=disable", self.postgres.port)
    }

    /// Waits until the reader has no sessions, so that no measurement counts sessions of the measurement before.
    ///
    /// # Errors
    /// If a session does not end.
    pub(crate) async fn until_alone(&self) -> Result<()> {
        // A process that has ended has no title. The postmaster counts its CPU only later.
        let gone = async || {
            let left = meter::children(self.postmaster)?.iter().any(|(_, title)| title.is_empty() || title.starts_with(&Self::title()));
            Ok((!left).then_some(()))
        };
        until("the reader's sessions to end", PATIENCE, gone).await
    }

    fn title() -> String {
        format!("postgres: {READER} ")
    }

    /// CPU seconds of the reader's sessions so far. The postmaster counts ended sessions and the forks of new ones. The session of the calls never ends and
    /// is not counted.
    ///
    /// # Errors
    /// If PostgreSQL is gone.
    pub(crate) fn reader_cpu(&self) -> Result<f64> {
        let postmaster = meter::cpu(self.postmaster)?;
        let mut seconds = postmaster.own + postmaster.ended_children;
        for (process, title) in meter::children(self.postmaster)? {
            if title.starts_with(&Self::title()) {
                seconds += meter::cpu_exact(process).unwrap_or_default();
            }
        }
        Ok(seconds)
    }
}

async fn connect(postgres: &Postgres, user: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(postgres.port).username(user).database(DATABASE);
    let options = options.ssl_mode(PgSslMode::Disable).disable_statement_logging();
    PgConnection::connect_with(&options).await.with_context(|| format!("connect as {user}"))
}

/// A statement with its own entry in `pg_stat_statements`.
fn statement(number: usize) -> String {
    let (table, shape) = (format!("item_{}", number / SHAPES), number % SHAPES);
    let columns = "a.id, a.owner_id, a.state, a.amount, a.note, a.created_at";
    match shape {
        0 => format!("select {columns} from {table} as a where a.id = 7"),
        1 => format!("select {columns} from {table} as a where a.owner_id = 3 order by a.created_at desc limit 5"),
        2 => format!("select count(*), sum(a.amount), max(a.created_at) from {table} as a where a.state = 'open'"),
        3 => format!("update {table} set amount = amount + 1, state = 'open' where id = 9"),
        4 => format!(
            "select {columns}, b.note as other from {table} as a join {table} as b on b.id = a.owner_id where a.id between 3 and 20"
        ),
        5 => format!("select a.owner_id, count(*) from {table} as a group by a.owner_id order by count(*) desc limit 3"),
        6 => format!("update {table} set note = 'another note' where owner_id = 5 and id < 30"),
        7 => format!("select exists (select 1 from {table} as a where a.owner_id = 4 and a.state = 'closed')"),
        8 => format!("select {columns} from {table} as a where a.note like 'b%' or a.amount > 150 order by a.id"),
        9 => format!("select a.state, min(a.created_at), max(a.created_at) from {table} as a group by a.state"),
        _ => format!("select {columns}, row_number() over (partition by a.owner_id order by a.id) from {table} as a where a.id < 50"),
    }
}

async fn live(mut connection: PgConnection, interval: Duration, mut stop: watch::Receiver<bool>) -> Result<()> {
    let mut round = 0;
    let calls = STATEMENTS * (ALWAYS + SOMETIMES) / 100;
    let pace = interval / u32::try_from(calls).context("a number of calls")?;
    let mut clock = tokio::time::interval(pace);
    loop {
        let called = |number: &usize| {
            let place = (number * 61) % 100;
            place < ALWAYS || (place - ALWAYS + round * SOMETIMES) % (100 - ALWAYS) < SOMETIMES
        };
        for number in (0..STATEMENTS).filter(called) {
            tokio::select! {
                _ = clock.tick() => {}
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            }
            let sql = statement(number);
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.context("call a statement")?;
        }
        round += 1;
    }
}
