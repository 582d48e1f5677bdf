//! `pganalytics_server`: whether the server answers, and its properties. A server that does not answer has a row as well.

use std::time::Duration;

use pganalytics_views::View;

use crate::connect::conninfo::{Address, Conninfo};
use crate::delta::rows::{Rows, Snapshot};
use crate::read::probe::refused::is_refusal;
use crate::read::session::{Session, SessionError, bytes};

/// What is read of the server. A part that the server refuses is null.
const PARTS: [&str; 7] = [
    "pg_catalog.current_setting('server_version')",
    "pg_catalog.current_setting('server_version_num')",
    "pg_catalog.pg_is_in_recovery()",
    "pg_catalog.pg_postmaster_start_time()",
    "pg_catalog.current_setting('max_connections')",
    "(select pg_catalog.count(*) from pg_catalog.pg_database where datallowconn and not datistemplate)",
    "(extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1e6)::pg_catalog.int8",
];
/// A separate query, since managed services may have revoked the privilege for this function.
const IDENTIFIER: &str = "select system_identifier from pg_catalog.pg_control_system()";
const TIMEOUT: Duration = Duration::from_secs(5);

/// The facts that the probe needs in addition to the session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub conninfo: &'a Conninfo,
    pub collector: &'a str,
    /// The number of CPUs, if the server runs on this machine.
    pub cpus: Option<i64>,
}

/// The answer of a server.
#[derive(Debug)]
pub(crate) struct Read {
    pub snapshot: Snapshot,
    /// Microseconds since the epoch.
    pub postmaster_start_us: i64,
    pub in_recovery: Option<bool>,
    /// The system identifier, if another cluster answers than before.
    pub other_cluster: Option<String>,
    pub took: Duration,
}

/// The probe's state.
#[derive(Debug, Default)]
pub(crate) struct ServerProbe {
    system_identifier: Option<String>,
    /// The system identifier that was read before the postmaster changed.
    before: Option<String>,
    identifier_refused: bool,
    /// Which of [`PARTS`] the server refuses, once it refused the query.
    refused: Option<[bool; PARTS.len()]>,
}

impl ServerProbe {
    /// Reads the row of a server that answers.
    ///
    /// # Errors
    /// The server no longer answers.
    pub(crate) async fn read(&mut self, session: &mut Session, view: &View, about: About<'_>, ts_us: i64) -> Result<Read, SessionError> {
        if self.system_identifier.is_none() && !self.identifier_refused {
            let mut found = None;
            match session.read(IDENTIFIER, TIMEOUT, |row| found = crate::read::session::text(row, 0)).await {
                Ok(_) => self.system_identifier = found,
                Err(error) if error.is_harmless() => self.identifier_refused = true,
                Err(error) => return Err(error),
            }
        }
        match self.answer(session, view, about, ts_us).await {
            Err(error) if is_refusal(&error) && self.refused.is_none() => {
                let mut refused = [false; PARTS.len()];
                for (refused, part) in refused.iter_mut().zip(PARTS) {
                    match session.read(&format!("select {part}"), TIMEOUT, |_| {}).await {
                        Ok(_) => {}
                        Err(error) if is_refusal(&error) => *refused = true,
                        Err(error) => return Err(error),
                    }
                }
                self.refused = Some(refused);
                self.answer(session, view, about, ts_us).await
            }
            answer => answer,
        }
    }

    async fn answer(&mut self, session: &mut Session, view: &View, about: About<'_>, ts_us: i64) -> Result<Read, SessionError> {
        let refused = self.refused.unwrap_or_default();
        let parts: Vec<_> = PARTS.iter().zip(refused).map(|(part, refused)| if refused { "null" } else { *part }).collect();
        let query = format!("select {}", parts.join(", "));
        let mut rows = Rows::new(view, 1);
        let (mut postmaster_start_us, mut in_recovery) = (0, None);
        let connect_time = session.connect_time;
        let took = session
            .read(&query, TIMEOUT, |row| {
                postmaster_start_us = bytes(row, 6).and_then(|b| std::str::from_utf8(b).ok()?.parse().ok()).unwrap_or_default();
                in_recovery = bytes(row, 2).map(|is| is == b"t");
                for (column, definition) in view.columns.iter().enumerate() {
                    match definition.name.as_str() {
                        "up" => rows.set_int(column, Some(1)),
                        "version" => rows.set_text_format(column, bytes(row, 0)),
                        "version_num" => rows.set_text_format(column, bytes(row, 1)),
                        "in_recovery" => rows.set_text_format(column, bytes(row, 2)),
                        "postmaster_start_time" => rows.set_text_format(column, bytes(row, 3)),
                        "max_connections" => rows.set_text_format(column, bytes(row, 4)),
                        "databases" => rows.set_text_format(column, bytes(row, 5)),
                        "system_identifier" => rows.set_text(column, self.system_identifier.as_deref()),
                        "connect_time" => rows.set_int(column, i64::try_from(connect_time.as_nanos()).ok()),
                        name => set_known(&mut rows, column, name, about),
                    }
                }
                rows.end_row();
            })
            .await?;
        let other_cluster =
            self.system_identifier.clone().filter(|now| self.before.replace(now.clone()).is_some_and(|before| before != *now));
        Ok(Read { snapshot: rows.finish(ts_us, 0), postmaster_start_us, in_recovery, other_cluster, took })
    }

    /// The state for another postmaster: the identifier is read again, and the old identifier is kept for comparison.
    #[must_use]
    pub(crate) fn renewed(self) -> Self {
        Self { before: self.system_identifier.or(self.before), ..Self::default() }
    }

    /// Makes the row of a server that does not answer.
    #[must_use]
    pub(crate) fn down(&self, view: &View, about: About<'_>, error: &str, ts_us: i64) -> Snapshot {
        let mut rows = Rows::new(view, 1);
        for (column, definition) in view.columns.iter().enumerate() {
            match definition.name.as_str() {
                "up" => rows.set_int(column, Some(0)),
                "error" => rows.set_text(column, Some(error)),
                "system_identifier" => rows.set_text(column, self.system_identifier.as_deref()),
                name => set_known(&mut rows, column, name, about),
            }
        }
        rows.end_row();
        rows.finish(ts_us, 0)
    }
}

/// Sets a column whose value is known without the server; other columns become null.
fn set_known(rows: &mut Rows, column: usize, name: &str, about: About<'_>) {
    let host = about.conninfo.hosts.first();
    match name {
        "host" => rows.set_text(
            column,
            host.map(|host| match &host.at {
                Address::Tcp(name) => name.clone(),
                Address::Socket(_) => "localhost".into(),
            })
            .as_deref(),
        ),
        "port" => rows.set_int(column, host.map(|host| i64::from(host.port))),
        "collector" => rows.set_text(column, Some(about.collector)),
        "cpus" => rows.set_int(column, about.cpus),
        _ => rows.set_int(column, None),
    }
}
