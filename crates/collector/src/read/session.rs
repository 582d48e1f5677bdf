//! A session on a server: connected within a deadline, guarded by the server's own limits, read row by row.
//!
//! # Promise
//! - A query can hurt nobody: it runs in a read-only transaction with `lock_timeout`, `statement_timeout`, no JIT, and
//!   `search_path = pg_catalog`. The guard is set for that one transaction, in the same message as the query: no round trip of its
//!   own, no startup parameter a pooler would refuse, and nothing left behind in a pooled session that an application gets next.
//! - A query ends: by the server's `statement_timeout`, or else by the client's deadline, after which the session must be dropped.
//! - Rows are handed over one by one in text format and not gathered. Anything the server says in an error comes out without
//!   the statement's text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sqlx::postgres::{PgConnection, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, Connection as _, Either, Row as _, ValueRef as _};

use crate::connect::conninfo::{Address, Attempt, Conninfo, SessionAttrs};
use crate::connect::tls;

/// What we call ourselves in `pg_stat_activity`; our own sessions are left out of the sampled ones by it.
pub const APPLICATION_NAME: &str = "pganalytics";
/// The oldest server that is read.
const OLDEST_VERSION_NUM: i64 = pganalytics_views::OLDEST_VERSION as i64 * 10_000;
/// Statistics need no lock that is held for long; whoever holds one is more important.
const LOCK_TIMEOUT: &str = "100ms";
/// Beyond `statement_timeout`, for the server to notice and the answer to travel.
const DEADLINE_SLACK: Duration = Duration::from_secs(2);
/// SQLSTATEs of a login that is not taken: invalid password, invalid authorization.
const WRONG_LOGIN: [&str; 2] = ["28P01", "28000"];
/// How the message of a failed handshake begins.
const TLS_FAILED: &str = "TLS: ";
/// SQLSTATEs of bytes that cannot be sent in the client's encoding.
const UNTRANSLATABLE: [&str; 2] = ["22021", "22P05"];
/// The session's first query reads a few catalog rows.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a server said about itself when the session began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub version_num: i64,
    pub encoding: String,
    pub version: String,
    pub database: String,
    pub role: String,
    pub in_recovery: bool,
    pub read_only: bool,
    pub postmaster_start_us: i64,
    /// Where it listens for us; `None` on a Unix socket.
    pub server_addr: Option<String>,
    /// Whether the session is encrypted, where the server tells.
    pub tls: Option<String>,
    /// What stands in front of each line of its log.
    pub log_line_prefix: String,
    /// Whether it writes its log to files of its own.
    pub logging_collector: bool,
}

impl Facts {
    /// The major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        u32::try_from(self.version_num / 10_000).unwrap_or_default()
    }
}

/// Why a session could not begin, or a query failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Nobody there, or not for us.
    #[error("{at}: {message}")]
    Connect { at: String, message: String, code: Option<String> },
    #[error("{at}: PostgreSQL {version} is older than {}, the oldest version that is read", pganalytics_views::OLDEST_VERSION)]
    TooOld { at: String, version: String },
    /// The server refused the query; the session is fine.
    #[error("{message} (SQLSTATE {code})")]
    Query { code: String, message: String },
    /// The session broke; it must be dropped.
    #[error("{0}")]
    Broken(String),
    /// No answer in time; the session must be dropped.
    #[error("no answer within {} ms, though statement_timeout was {} ms: the session was dropped", deadline.as_millis(), statement.as_millis())]
    Deadline { deadline: Duration, statement: Duration },
}

impl SessionError {
    /// Whether the session can be used again.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Query { .. })
    }

    /// The server's SQLSTATE.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Query { code, .. } => Some(code),
            Self::Connect { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// Whether the way in may have changed meanwhile: the server does not take the login, or its certificate is not the expected one.
    #[must_use]
    pub fn is_wrong_way_in(&self) -> bool {
        match self {
            Self::Connect { code: Some(code), .. } => WRONG_LOGIN.contains(&code.as_str()),
            Self::Connect { message, .. } => message.starts_with(TLS_FAILED),
            _ => false,
        }
    }
}

/// A connected session.
#[derive(Debug)]
pub struct Session {
    connection: PgConnection,
    pub facts: Facts,
    /// How long connecting took.
    pub connect_time: Duration,
    /// The message that is sent, kept for its capacity.
    message: String,
    /// Texts come as the bytes the server has: it would refuse to send those that are no UTF-8.
    raw: bool,
}

/// In an SQL_ASCII database bytes have no encoding: asked for UTF-8, the server refuses to send those that are none, and a whole
/// view goes unread. Sent as they are, they are replaced when the rows are read.
const IDENTIFY: &str = "select current_setting('server_version_num'), current_setting('server_version'), current_database(), \
     current_user, pg_is_in_recovery(), current_setting('default_transaction_read_only'), \
     (extract(epoch from pg_postmaster_start_time()) * 1e6)::int8, host(inet_server_addr()), \
     (select version || ' ' || cipher from pg_stat_ssl where pid = pg_backend_pid() and ssl), \
     case when current_setting('server_encoding') = 'SQL_ASCII' then set_config('client_encoding', 'SQL_ASCII', false) end, \
     current_setting('log_line_prefix'), current_setting('logging_collector')";

impl Session {
    /// Connects to the first host that answers and will do.
    ///
    /// # Errors
    /// The last host's refusal, where none will do; or what is wrong with the files that hold the login.
    pub async fn open(conninfo: &Conninfo, database: Option<&str>) -> Result<Self, SessionError> {
        let with_login = conninfo.with_login().await;
        let conninfo = with_login.map_err(|message| SessionError::Connect { at: conninfo.server_name(), message, code: None })?;
        let mut last = None;
        let mut second_choice = None;
        for host in &conninfo.hosts {
            for attempt in conninfo.attempts(host, database) {
                let at = host.to_string();
                let begun = Instant::now();
                let failed = match tokio::time::timeout(conninfo.connect_timeout, connect(&attempt)).await {
                    Ok(Ok(connection)) => {
                        let mut session =
                            Self { connection, facts: Facts::default(), connect_time: begun.elapsed(), message: String::new(), raw: false };
                        match session.identify(&at).await {
                            Ok(()) if session.will_do(conninfo.target_session_attrs) => return Ok(session),
                            Ok(()) if conninfo.target_session_attrs == SessionAttrs::PreferStandby => {
                                second_choice.get_or_insert(session);
                            }
                            Ok(()) => {
                                let message = "the server is not what target_session_attrs asks for".into();
                                last = Some(SessionError::Connect { at, message, code: None });
                            }
                            Err(error) => last = Some(error),
                        }
                        break;
                    }
                    Ok(Err(error)) => connect_error(&at, &host.at, error),
                    Err(_) => {
                        let message = format!("no answer within {} s (connect_timeout)", conninfo.connect_timeout.as_secs());
                        (SessionError::Connect { at, message, code: None }, false)
                    }
                };
                let (error, refused) = failed;
                // The first refusal says more than that of the fallback, which is often only "no encryption".
                last = Some(error);
                if !refused {
                    break;
                }
            }
        }
        second_choice.map_or_else(
            || {
                Err(last.unwrap_or_else(|| SessionError::Connect {
                    at: conninfo.to_string(),
                    message: "no host is named".into(),
                    code: None,
                }))
            },
            Ok,
        )
    }

    /// Runs one query under the guard and hands over each row. Returns how long it took.
    ///
    /// # Errors
    /// See [`SessionError`]; unless it [is harmless](SessionError::is_harmless) the session must be dropped.
    pub async fn read(&mut self, query: &str, statement_timeout: Duration, mut row: impl FnMut(&PgRow)) -> Result<Duration, SessionError> {
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
    pub async fn close(self) {
        let _ = tokio::time::timeout(Duration::from_millis(100), self.connection.close()).await;
    }

    async fn identify(&mut self, at: &str) -> Result<(), SessionError> {
        let mut facts = Facts::default();
        let answer = self
            .read(IDENTIFY, IDENTIFY_TIMEOUT, |row| {
                let number = |column| text(row, column).and_then(|text| text.parse().ok()).unwrap_or_default();
                facts.version_num = number(0);
                facts.version = text(row, 1).unwrap_or_default();
                facts.database = text(row, 2).unwrap_or_default();
                facts.role = text(row, 3).unwrap_or_default();
                facts.in_recovery = bytes(row, 4) == Some(b"t");
                facts.read_only = bytes(row, 5) == Some(b"on");
                facts.postmaster_start_us = number(6);
                facts.server_addr = text(row, 7);
                facts.tls = text(row, 8);
                facts.encoding = text(row, 9).unwrap_or_default();
                facts.log_line_prefix = text(row, 10).unwrap_or_default();
                facts.logging_collector = bytes(row, 11) == Some(b"on");
            })
            .await;
        if facts.version_num > 0 && facts.version_num < OLDEST_VERSION_NUM {
            return Err(SessionError::TooOld { at: at.into(), version: facts.version });
        }
        answer.map_err(|error| SessionError::Connect {
            at: at.into(),
            message: format!("connected, but: {error}"),
            code: error.code().map(Into::into),
        })?;
        self.raw = facts.encoding == "SQL_ASCII";
        self.facts = facts;
        Ok(())
    }

    fn will_do(&self, attrs: SessionAttrs) -> bool {
        let (standby, read_only) = (self.facts.in_recovery, self.facts.in_recovery || self.facts.read_only);
        match attrs {
            SessionAttrs::Any => true,
            SessionAttrs::ReadWrite => !read_only,
            SessionAttrs::ReadOnly => read_only,
            SessionAttrs::Primary => !standby,
            SessionAttrs::Standby | SessionAttrs::PreferStandby => standby,
        }
    }
}

/// A cell's bytes; `None` for null.
#[must_use]
pub fn bytes(row: &PgRow, column: usize) -> Option<&[u8]> {
    let value = row.try_get_raw(column).ok()?;
    if value.is_null() { None } else { value.as_bytes().ok() }
}

/// A cell's text, whatever its encoding.
#[must_use]
pub fn text(row: &PgRow, column: usize) -> Option<String> {
    bytes(row, column).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

async fn connect(attempt: &Attempt) -> Result<PgConnection, sqlx::Error> {
    match (&attempt.trust, &attempt.host.at) {
        (Some(trust), Address::Tcp(name)) => {
            let address = tls::relay(name, attempt.host.port, trust).await.map_err(|error| match error.downcast() {
                Ok(error) => sqlx::Error::Io(error),
                Err(error) => sqlx::Error::Tls(format!("{error:#}").into()),
            })?;
            let (host, port) = (address.ip().to_string(), address.port());
            let options = attempt.options.0.clone().host(&host).port(port).ssl_mode(PgSslMode::Disable);
            PgConnection::connect_with(&options).await
        }
        _ => PgConnection::connect_with(&attempt.options.0).await,
    }
}

/// The error, and whether the other kind of encryption is worth a try.
fn connect_error(at: &str, address: &Address, error: sqlx::Error) -> (SessionError, bool) {
    // 28000: pg_hba.conf has no line for this encryption. A wrong password (28P01) is wrong with the other as well.
    let (message, refused) = match &error {
        sqlx::Error::Database(refusal) => (refusal.message().to_owned(), refusal.code().is_some_and(|code| code == "28000")),
        sqlx::Error::Tls(cause) => (format!("{TLS_FAILED}{cause}"), true),
        // rustls' own errors come as such: the other side, or its certificate, is not what it should be.
        sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => (format!("{TLS_FAILED}{cause}"), true),
        sqlx::Error::Io(cause) => {
            let socket = match address {
                Address::Socket(folder) => format!(" (socket in {})", folder.display()),
                Address::Tcp(_) => String::new(),
            };
            (format!("{cause}{socket}"), false)
        }
        other => (other.to_string(), false),
    };
    let code = error.as_database_error().and_then(|refusal| refusal.code()).map(Into::into);
    (SessionError::Connect { at: at.into(), message, code }, refused)
}

fn query_error(error: &sqlx::Error) -> SessionError {
    match error {
        sqlx::Error::Database(refusal) => {
            let code = refusal.code().unwrap_or_default().into_owned();
            let message = refusal.message().to_owned();
            // Class 57P: the server ends the session (shutdown, crash, terminated).
            if code.starts_with("57P") { SessionError::Broken(message) } else { SessionError::Query { code, message } }
        }
        other => SessionError::Broken(format!("the connection broke: {other}")),
    }
}
