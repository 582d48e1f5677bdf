//! Opens a session. The hosts of a connection string are tried in turn, each with all its attempts, until a host answers and satisfies
//! `target_session_attrs`.

use std::time::{Duration, Instant};

use super::cell::{bytes, text};
use super::error::{SessionError, connect_error, joined};
use super::facts::Facts;
use super::guard::Reach;
use super::guarded::Session;
use crate::connect::connect;
use crate::connect::conninfo::{Conninfo, SessionAttrs};

/// The oldest server version that is read.
const OLDEST_VERSION_NUM: i64 = pganalytics_views::OLDEST_VERSION as i64 * 10_000;
/// The time limit of the session's first query, which reads a few catalog rows.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(5);

/// The session's first query. In an SQL_ASCII database, texts may hold bytes that are not UTF-8. A server that is asked for UTF-8 refuses to
/// send such a text, and the whole view fails. So the query asks for SQL_ASCII, and invalid bytes are replaced when the rows are read.
const IDENTIFY: &str = "select pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('server_version'), \
     pg_catalog.current_database(), \
     current_user, pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only'), \
     (extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1e6)::pg_catalog.int8, \
     pg_catalog.host(pg_catalog.inet_server_addr()), \
     (select version || ' ' || cipher from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid() and ssl), \
     case when pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' \
     then pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) end, \
     pg_catalog.current_setting('log_line_prefix'), pg_catalog.current_setting('logging_collector'), \
     pg_catalog.version()";
/// The parts of [`IDENTIFY`] that a session can do without. A server that refuses one of them is asked without any.
const DISPENSABLE: [&str; 4] = [
    "(extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1e6)::pg_catalog.int8",
    "pg_catalog.host(pg_catalog.inet_server_addr())",
    "(select version || ' ' || cipher from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid() and ssl)",
    "pg_catalog.pg_is_in_recovery()",
];

impl Session {
    /// Connects to the first host that answers and satisfies `target_session_attrs`.
    ///
    /// # Errors
    /// The errors of all attempts as one, if no host is suitable; or the error of reading the files that hold the login.
    pub(crate) async fn open(conninfo: &Conninfo, database: Option<&str>) -> Result<Self, SessionError> {
        let with_login = conninfo.with_login().await;
        let conninfo = with_login.map_err(|message| SessionError::Connect { at: conninfo.server_name(), message, code: None })?;
        let mut errors = Vec::new();
        let mut second_choice = None;
        for host in &conninfo.hosts {
            for attempt in conninfo.attempts(host, database) {
                let at = host.to_string();
                let begun = Instant::now();
                let failed = match tokio::time::timeout(conninfo.connect_timeout, connect(&attempt)).await {
                    Ok(Ok(connection)) => {
                        let mut session = Self::new(connection, begun.elapsed());
                        match session.identify(&at).await {
                            Ok(()) if session.satisfies(conninfo.target_session_attrs) => return Ok(session),
                            Ok(()) if conninfo.target_session_attrs == SessionAttrs::PreferStandby => {
                                second_choice.get_or_insert(session);
                            }
                            Ok(()) => {
                                let message = "the server does not satisfy target_session_attrs".into();
                                errors.push(SessionError::Connect { at, message, code: None });
                            }
                            Err(error) => errors.push(error),
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
                errors.push(error);
                if !refused {
                    break;
                }
            }
        }
        second_choice.map_or_else(
            || {
                Err(joined(errors).unwrap_or_else(|| SessionError::Connect {
                    at: conninfo.to_string(),
                    message: "the connection string names no host".into(),
                    code: None,
                }))
            },
            Ok,
        )
    }

    async fn identify(&mut self, at: &str) -> Result<(), SessionError> {
        let answer = match self.ask(at, IDENTIFY).await {
            Err(error @ SessionError::Query { .. }) => {
                let least = DISPENSABLE.iter().fold(IDENTIFY.to_owned(), |query, part| query.replace(part, "null"));
                self.ask(at, &least).await.map_err(|_| error)
            }
            answer => answer,
        };
        let facts = answer.map_err(|error| match error {
            SessionError::TooOld { .. } => error,
            error => SessionError::Connect {
                at: at.into(),
                message: format!("connected, but the server could not be identified: {error}"),
                code: error.code().map(Into::into),
            },
        })?;
        self.raw = facts.encoding == "SQL_ASCII";
        self.reach = match (facts.on_linux, &facts.server_addr) {
            (false, _) => Reach::Unknown,
            (true, None) => Reach::Socket,
            (true, Some(_)) => Reach::Tcp,
        };
        self.ends_slow_clients = self.reach == Reach::Tcp;
        self.facts = facts;
        Ok(())
    }

    async fn ask(&mut self, at: &str, query: &str) -> Result<Facts, SessionError> {
        let mut facts = Facts::default();
        let answer = self
            .read(query, IDENTIFY_TIMEOUT, |row| {
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
                // "PostgreSQL 18.1 on x86_64-pc-linux-gnu, compiled by …"
                facts.on_linux = text(row, 12).is_some_and(|version| version.contains("linux"));
            })
            .await;
        if facts.version_num > 0 && facts.version_num < OLDEST_VERSION_NUM {
            return Err(SessionError::TooOld { at: at.into(), version: facts.version });
        }
        answer.map(|_| facts)
    }

    fn satisfies(&self, attrs: SessionAttrs) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_holds_each_dispensable_part_once() {
        for part in DISPENSABLE {
            assert_eq!(IDENTIFY.matches(part).count(), 1, "{part}");
        }
    }
}
