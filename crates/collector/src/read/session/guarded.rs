//! A session whose queries are limited by the guard.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Either, Row as _};

use super::cell::text;
use super::error::{SessionError, query_error};
use super::facts::Facts;
use super::guard;

/// The time added to `statement_timeout`, so that the server can cancel the query and its answer can arrive.
const DEADLINE_SLACK: Duration = Duration::from_secs(2);
/// SQLSTATEs of texts that cannot be sent in the client's encoding.
const UNTRANSLATABLE: [&str; 2] = ["22021", "22P05"];

/// A connected session.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PgConnection,
    pub facts: Facts,
    /// How long connecting took.
    pub connect_time: Duration,
    /// The buffer of the sent message, kept for its capacity.
    message: String,
    /// Whether texts arrive as unconverted bytes. Otherwise the server refuses to send texts that are not UTF-8.
    pub(super) raw: bool,
    /// The `work_mem` of the next queries.
    work_mem_mb: u64,
}

impl Session {
    pub(super) fn new(connection: PgConnection, connect_time: Duration) -> Self {
        Self { connection, facts: Facts::default(), connect_time, message: String::new(), raw: false, work_mem_mb: guard::WORK_MEM_MB }
    }

    /// Runs one query under the guard and passes each row to `row`. Returns how long the query took.
    ///
    /// # Errors
    /// See [`SessionError`]. Unless the error [is harmless](SessionError::is_harmless), the session must be dropped.
    pub(crate) async fn read(
        &mut self,
        query: &str,
        statement_timeout: Duration,
        mut row: impl FnMut(&PgRow),
    ) -> Result<Duration, SessionError> {
        let begun = Instant::now();
        self.message.clear();
        let _ = write!(self.message, "{};\n{query}", guard::statement(statement_timeout, self.work_mem_mb, self.raw));
        let message: Arc<str> = self.message.as_str().into();
        let connection = &mut self.connection;
        let reading = async move {
            let mut answer = sqlx::raw_sql(AssertSqlSafe(message)).fetch_many(connection);
            let mut statement = 0_usize;
            let mut guarded = false;
            while let Some(item) = answer.next().await {
                match item? {
                    Either::Left(_) => statement += 1,
                    Either::Right(cells) if statement == 0 => {
                        let reported: Vec<_> = (0..cells.len()).map(|column| text(&cells, column)).collect();
                        guard::check(&reported, statement_timeout).map_err(ReadError::Guard)?;
                        guarded = true;
                    }
                    // Without the guard's row, the rows of the query are not used.
                    Either::Right(_) if !guarded => return Err(ReadError::Guard(guard::NO_ANSWER.into())),
                    Either::Right(cells) => row(&cells),
                }
            }
            if guarded { Ok(()) } else { Err(ReadError::Guard(guard::NO_ANSWER.into())) }
        };
        let deadline = statement_timeout + DEADLINE_SLACK;
        match tokio::time::timeout(deadline, reading).await {
            Ok(Ok(())) => Ok(begun.elapsed()),
            Ok(Err(ReadError::Guard(message))) => Err(SessionError::Broken(message)),
            Ok(Err(ReadError::Server(error))) => {
                let error = query_error(&error);
                // A text is in another encoding than the database: names of databases and roles are shared by all databases.
                self.raw |= error.code().is_some_and(|code| UNTRANSLATABLE.contains(&code));
                Err(error)
            }
            Err(_) => Err(SessionError::Deadline { deadline, statement: statement_timeout }),
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
