//! A session whose queries are limited by the guard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Either, Row as _};

use super::cell::text;
use super::error::{SessionError, query_error};
use super::facts::Facts;
use super::guard::{self, Guard, Reach};
use super::size::{AnswerSize, Parts, width};

/// The time added to `statement_timeout`, so that the server can cancel the query and its answer can arrive.
const DEADLINE_SLACK: Duration = Duration::from_secs(2);
/// SQLSTATEs of texts that cannot be sent in the client's encoding.
const UNTRANSLATABLE: [&str; 2] = ["22021", "22P05"];
/// Begins the transaction of an answer in parts. The isolation level that the database or the role prefers could make the reading wait.
const BEGIN: &str = "begin isolation level read committed, read only";
/// The cursor of an answer in parts.
const CURSOR: &str = "pganalytics";

/// A connected session.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PgConnection,
    pub facts: Facts,
    /// How long connecting took.
    pub connect_time: Duration,
    /// Whether texts arrive as unconverted bytes. Otherwise the server refuses to send texts that are not UTF-8.
    pub(super) raw: bool,
    /// The `work_mem` of the next queries.
    work_mem_mb: u64,
    /// What the server can notice of a client that hangs.
    pub(super) reach: Reach,
    /// Whether the server ends the session if the client takes no data. Each reading confirms or corrects this.
    pub(super) ends_slow_clients: bool,
    /// Whether a transaction is open, because its reading was abandoned or is in progress.
    in_transaction: bool,
}

impl Session {
    pub(super) fn new(connection: PgConnection, connect_time: Duration) -> Self {
        Self {
            connection,
            facts: Facts::default(),
            connect_time,
            raw: false,
            reach: Reach::default(),
            ends_slow_clients: false,
            in_transaction: false,
            work_mem_mb: guard::WORK_MEM_MB,
        }
    }

    /// Runs one query with a small answer under the guard and passes each row to `row`. Returns how long the query took.
    ///
    /// # Errors
    /// See [`SessionError`]. Unless the error [is harmless](SessionError::is_harmless), the session must be dropped.
    pub(crate) async fn read(
        &mut self,
        query: &str,
        statement_timeout: Duration,
        mut row: impl FnMut(&PgRow),
    ) -> Result<Duration, SessionError> {
        self.is_ready()?;
        let reading = Reading::begin(statement_timeout);
        let guard = self.guard(statement_timeout);
        let message = format!("{};\n{query}", guard.statement());
        self.exchange(message, reading, Some((0, guard)), &mut row).await?;
        Ok(reading.begun.elapsed())
    }

    /// Runs one query whose answer may be large. `size` is that of the query's last answer, and becomes that of this one.
    ///
    /// The server keeps the snapshot of a query until the connection has taken the whole answer. If the server does not end the session of a
    /// client that takes nothing, a large answer is read in parts that fit into the connection's buffers. Between two parts the server waits
    /// for at most `idle_in_transaction_session_timeout`.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub(crate) async fn read_large(
        &mut self,
        query: &str,
        statement_timeout: Duration,
        size: &mut AnswerSize,
        mut row: impl FnMut(&PgRow),
    ) -> Result<Duration, SessionError> {
        let mut bytes = 0;
        let counted = |cells: &PgRow| {
            bytes += width(cells);
            row(cells);
        };
        let outcome = if self.ends_slow_clients || size.is_small() {
            self.read(query, statement_timeout, counted).await
        } else {
            self.read_in_parts(query, statement_timeout, counted).await
        };
        if outcome.is_ok() {
            size.was(bytes);
        }
        outcome
    }

    async fn read_in_parts(
        &mut self,
        query: &str,
        statement_timeout: Duration,
        mut row: impl FnMut(&PgRow),
    ) -> Result<Duration, SessionError> {
        self.is_ready()?;
        let reading = Reading::begin(statement_timeout);
        let guard = self.guard(statement_timeout);
        let mut parts = Parts::begin();
        let mut message = format!(
            "{BEGIN};\n{};\nset local cursor_tuple_fraction = 1;\n\
             declare {CURSOR} no scroll cursor for\n{query};\nfetch forward {} from {CURSOR}",
            guard.statement(),
            parts.rows
        );
        // The guard stands behind `begin`.
        let mut guarded = Some((1, guard));
        loop {
            self.in_transaction = true;
            let (mut rows, mut bytes) = (0, 0);
            let mut take = |cells: &PgRow| {
                rows += 1;
                bytes += width(cells);
                row(cells);
            };
            if let Err(error) = self.exchange(message, reading, guarded.take(), &mut take).await {
                if error.is_harmless() {
                    self.end_transaction("rollback", reading).await?;
                }
                return Err(error);
            }
            if rows < parts.rows {
                self.end_transaction("commit", reading).await?;
                return Ok(reading.begun.elapsed());
            }
            parts.next(bytes);
            message = format!("fetch forward {} from {CURSOR}", parts.rows);
        }
    }

    async fn end_transaction(&mut self, how: &str, reading: Reading) -> Result<(), SessionError> {
        let ended = self.exchange(how.into(), reading, None, &mut |_: &PgRow| {}).await;
        // A session whose transaction cannot be ended cannot be used again.
        ended.map_err(|error| if error.is_harmless() { SessionError::Broken(error.to_string()) } else { error })?;
        self.in_transaction = false;
        Ok(())
    }

    /// Fails if the last reading was abandoned in its transaction.
    fn is_ready(&self) -> Result<(), SessionError> {
        if self.in_transaction {
            return Err(SessionError::Broken("the last reading was abandoned: the session was dropped".into()));
        }
        Ok(())
    }

    fn guard(&self, statement_timeout: Duration) -> Guard {
        Guard { statement_timeout, work_mem_mb: self.work_mem_mb, raw: self.raw, reach: self.reach }
    }

    /// Sends one message and passes on the rows of its answer. `guard` is the guard in the message, and the number of statements before it.
    async fn exchange(
        &mut self,
        message: String,
        reading: Reading,
        guard: Option<(usize, Guard)>,
        row: &mut impl FnMut(&PgRow),
    ) -> Result<(), SessionError> {
        let message: Arc<str> = message.into();
        let (connection, ends_slow_clients) = (&mut self.connection, &mut self.ends_slow_clients);
        let answering = async move {
            let mut answer = sqlx::raw_sql(AssertSqlSafe(message)).fetch_many(connection);
            let mut statement = 0_usize;
            let mut awaited = guard;
            while let Some(item) = answer.next().await {
                match (item?, awaited) {
                    (Either::Left(_), _) => statement += 1,
                    (Either::Right(cells), Some((place, guard))) if statement == place => {
                        let reported: Vec<_> = (0..cells.len()).map(|column| text(&cells, column)).collect();
                        guard.check(&reported).map_err(ReadError::Guard)?;
                        *ends_slow_clients = guard.ends_slow_clients(&reported);
                        awaited = None;
                    }
                    // Without the guard's row, the rows of the query are not used.
                    (Either::Right(_), Some(_)) => return Err(ReadError::Guard(guard::NO_ANSWER.into())),
                    (Either::Right(cells), None) => row(&cells),
                }
            }
            if awaited.is_none() { Ok(()) } else { Err(ReadError::Guard(guard::NO_ANSWER.into())) }
        };
        match tokio::time::timeout(reading.left(), answering).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(ReadError::Guard(message))) => Err(SessionError::Broken(message)),
            Ok(Err(ReadError::Server(error))) => {
                let error = query_error(&error);
                // A text is in another encoding than the database: names of databases and roles are shared by all databases.
                self.raw |= error.code().is_some_and(|code| UNTRANSLATABLE.contains(&code));
                Err(error)
            }
            Err(_) => Err(SessionError::Deadline { deadline: reading.deadline(), statement: reading.statement_timeout }),
        }
    }

    /// Sets the `work_mem` of the next queries. `None` for the usual one.
    pub(crate) fn set_work_mem(&mut self, mb: Option<u64>) {
        self.work_mem_mb = mb.unwrap_or(guard::WORK_MEM_MB);
    }

    /// Sets whether texts arrive as the server holds them, in whatever encoding. Returns the setting before.
    pub(crate) fn set_raw(&mut self, raw: bool) -> bool {
        std::mem::replace(&mut self.raw, raw)
    }

    /// Ends the session with a message to the server, and waits for at most 100 ms.
    pub(crate) async fn close(self) {
        let _ = tokio::time::timeout(Duration::from_millis(100), self.connection.close()).await;
    }
}

/// The time of one reading.
#[derive(Debug, Clone, Copy)]
struct Reading {
    begun: Instant,
    statement_timeout: Duration,
}

impl Reading {
    fn begin(statement_timeout: Duration) -> Self {
        Self { begun: Instant::now(), statement_timeout }
    }

    fn deadline(self) -> Duration {
        self.statement_timeout + DEADLINE_SLACK
    }

    fn left(self) -> Duration {
        self.deadline().saturating_sub(self.begun.elapsed())
    }
}

/// Why the rows of a query ended early.
#[derive(Debug)]
enum ReadError {
    /// The server did not apply the guard; the session must be dropped.
    Guard(String),
    Server(sqlx::Error),
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Server(error)
    }
}
