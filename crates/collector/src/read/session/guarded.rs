//! A session whose queries can hurt nobody.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Either};

use super::error::{SessionError, query_error};
use super::facts::Facts;

/// Statistics need no lock that is held for long; whoever holds one is more important.
const LOCK_TIMEOUT: &str = "100ms";
/// Beyond `statement_timeout`, for the server to notice and the answer to travel.
const DEADLINE_SLACK: Duration = Duration::from_secs(2);
/// SQLSTATEs of bytes that cannot be sent in the client's encoding.
const UNTRANSLATABLE: [&str; 2] = ["22021", "22P05"];

/// A connected session.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PgConnection,
    pub facts: Facts,
    /// How long connecting took.
    pub connect_time: Duration,
    /// The message that is sent, kept for its capacity.
    message: String,
    /// Texts come as the bytes the server has: it would refuse to send those that are no UTF-8.
    pub(super) raw: bool,
}

impl Session {
    pub(super) fn new(connection: PgConnection, connect_time: Duration) -> Self {
        Self { connection, facts: Facts::default(), connect_time, message: String::new(), raw: false }
    }

    /// Runs one query under the guard and hands over each row. Returns how long it took.
    ///
    /// # Errors
    /// See [`SessionError`]; unless it [is harmless](SessionError::is_harmless) the session must be dropped.
    pub(crate) async fn read(
        &mut self,
        query: &str,
        statement_timeout: Duration,
        mut row: impl FnMut(&PgRow),
    ) -> Result<Duration, SessionError> {
        let begun = Instant::now();
        self.message.clear();
        // One statement, so that it is one entry in the server's pg_stat_statements.
        let _ = write!(
            self.message,
            "select set_config('statement_timeout', '{}', true), set_config('lock_timeout', '{LOCK_TIMEOUT}', true), \
             set_config('jit', 'off', true), set_config('search_path', 'pg_catalog', true), \
             set_config('transaction_read_only', 'on', true){};\n{query}",
            statement_timeout.as_millis(),
            if self.raw { ", set_config('client_encoding', 'SQL_ASCII', true)" } else { "" }
        );
        let message: Arc<str> = self.message.as_str().into();
        let connection = &mut self.connection;
        let reading = async move {
            let mut answer = sqlx::raw_sql(AssertSqlSafe(message)).fetch_many(connection);
            let mut statement = 0_usize;
            while let Some(item) = answer.next().await {
                match item? {
                    Either::Left(_) => statement += 1,
                    // The guard's own row comes with the first statement.
                    Either::Right(cells) if statement > 0 => row(&cells),
                    Either::Right(_) => {}
                }
            }
            Ok::<_, sqlx::Error>(())
        };
        let deadline = statement_timeout + DEADLINE_SLACK;
        match tokio::time::timeout(deadline, reading).await {
            Ok(Ok(())) => Ok(begun.elapsed()),
            Ok(Err(error)) => {
                let error = query_error(&error);
                // Something in another encoding than the database's (the names of databases and roles are shared by all).
                self.raw |= error.code().is_some_and(|code| UNTRANSLATABLE.contains(&code));
                Err(error)
            }
            Err(_) => Err(SessionError::Deadline { deadline, statement: statement_timeout }),
        }
    }

    /// Ends the session politely, for as long as that takes no time.
    pub(crate) async fn close(self) {
        let _ = tokio::time::timeout(Duration::from_millis(100), self.connection.close()).await;
    }
}
