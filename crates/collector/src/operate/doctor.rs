//! Tells what keeps the collector from reading or shipping, each with the line that helps.
//!
//! Everything is tried as the collector would do it: each target is connected to, each view is read once, the backend is asked
//! with the token, the spool is opened. Nothing is changed anywhere.

use std::fmt;

use pganalytics_tls::Tls;
use pganalytics_views::{Scope, Source, View};
use uuid::Uuid;

use crate::config::{Config, KubernetesOptions, TargetOptions};
use crate::find::kubernetes::rights;
use crate::read::probe::sql::SqlProbe;
use crate::read::session::{Session, SessionError, text};
use crate::read::target::extensions::{Installed, SEARCHED, installed};
use crate::read::target::now_us;
use crate::ship::client::Client;
use crate::ship::spool::Spool;
use crate::ship::{Outcome, Shipper};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Fine,
    /// Something is not collected.
    Missing,
    /// Nothing is.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    /// A target, or `backend`, or `spool`.
    pub subject: String,
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst of it.
    #[must_use]
    pub fn level(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Fine)
    }

    fn add(&mut self, level: Level, subject: &str, what: impl Into<String>, remedy: Option<String>) {
        self.findings.push(Finding { level, subject: subject.into(), what: what.into(), remedy });
    }

    fn fine(&mut self, subject: &str, what: impl Into<String>) {
        self.add(Level::Fine, subject, what, None);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut subject = None;
        for finding in &self.findings {
            if subject != Some(&finding.subject) {
                writeln!(f, "{}", finding.subject)?;
                subject = Some(&finding.subject);
            }
            let mark = match finding.level {
                Level::Fine => "ok     ",
                Level::Missing => "missing",
                Level::Broken => "broken ",
            };
            writeln!(f, "  {mark} {}", finding.what)?;
            if let Some(remedy) = &finding.remedy {
                for line in remedy.lines() {
                    writeln!(f, "          {line}")?;
                }
            }
        }
        Ok(())
    }
}

/// Looks at everything.
pub async fn doctor(config: &Config) -> Report {
    let mut report = Report::default();
    backend(config, &mut report).await;
    spool(config, &mut report).await;
    listener(config, &mut report);
    for target in &config.targets {
        examine(config, target, &mut report).await;
    }
    if let Some(options) = &config.kubernetes {
        for target in discovered(options, &mut report).await {
            examine(config, &target, &mut report).await;
        }
    }
    report
}

async fn backend(config: &Config, report: &mut Report) {
    // A spool that was never opened has no identity yet; any will do for the question.
    let collector = Spool::identity_of(&config.spool.folder).unwrap_or_else(Uuid::new_v4);
    let shipper = match Client::new(&config.backend).and_then(|client| Shipper::new(config, client, collector)) {
        Ok(shipper) => shipper,
        Err(error) => return report.add(Level::Broken, "backend", format!("{error:#}"), None),
    };
    let outcome = match shipper.ask().await {
        Ok(taken) => return report.fine("backend", format!("{} answers and takes {taken}", config.backend.url)),
        Err(outcome) => outcome,
    };
    match outcome {
        Outcome::Committed | Outcome::Refused(_) => {}
        Outcome::Remedy(reason) => match reason.split_once("; ") {
            Some((reason, remedy)) => report.add(Level::Broken, "backend", reason, Some(remedy.into())),
            None => report.add(Level::Broken, "backend", reason, None),
        },
        Outcome::Again(reason, _) => {
            let remedy = "check [backend] url, the network between, and that the backend runs; until then batches wait in the spool";
            report.add(Level::Broken, "backend", reason, Some(remedy.into()));
        }
    }
}

/// What may be done in Kubernetes, and the servers that are found there.
async fn discovered(options: &KubernetesOptions, report: &mut Report) -> Vec<TargetOptions> {
    let client = match crate::find::kubernetes::client(options) {
        Ok(client) => client,
        Err(error) => {
            report.add(Level::Broken, "kubernetes", format!("{error:#}"), None);
            return Vec::new();
        }
    };
    let findings = rights::examine(options, &client).await;
    for (what, remedy) in findings.said {
        let level = if remedy.is_some() { Level::Missing } else { Level::Fine };
        report.add(level, "kubernetes", what, remedy.filter(|remedy| !remedy.is_empty()));
    }
    if let Some((what, remedy)) = findings.broken {
        report.add(Level::Broken, "kubernetes", what, remedy);
    }
    findings.targets
}

/// The certificate that /metrics is served with.
fn listener(config: &Config, report: &mut Report) {
    let Some(files) = config.tls.clone() else { return };
    match Tls::load(files) {
        Ok(_) => report.fine("listen", "the certificate can be served"),
        Err(error) => {
            report.add(Level::Broken, "listen", format!("[collector] tls_cert, tls_key, tls_client_ca, tls_client_crl: {error:#}"), None)
        }
    }
}

async fn spool(config: &Config, report: &mut Report) {
    let (folder, max_bytes) = (config.spool.folder.clone(), config.spool.max_bytes);
    match tokio::task::spawn_blocking(move || Spool::open(&folder, max_bytes).map(|spool| (spool.len(), spool.bytes()))).await {
        Ok(Ok((batches, bytes))) => report.fine(
            "spool",
            format!("{} can be written; {batches} batches of {} kB wait in it", config.spool.folder.display(), bytes / 1_000),
        ),
        Ok(Err(error)) if format!("{error:#}").contains("in use") => {
            report.fine("spool", format!("{} is in use by a running collector", config.spool.folder.display()));
        }
        Ok(Err(error)) => {
            let remedy = format!("make {} a folder that this user may write", config.spool.folder.display());
            report.add(Level::Broken, "spool", format!("{error:#}"), Some(remedy));
        }
        Err(error) => report.add(Level::Broken, "spool", error.to_string(), None),
    }
}

async fn examine(config: &Config, target: &TargetOptions, report: &mut Report) {
    let name = format!("{} ({})", target.name, target.conninfo);
    let mut session = match Session::open(&target.conninfo, None).await {
        Ok(session) => session,
        Err(error) => return report.add(Level::Broken, &name, error.to_string(), connect_remedy(&error)),
    };
    let facts = session.facts.clone();
    let role = quoted(&facts.role);
    report.fine(
        &name,
        format!(
            "PostgreSQL {}, {}, database {}, role {}, {}, connected in {} ms",
            facts.version,
            if facts.in_recovery { "standby" } else { "primary" },
            facts.database,
            facts.role,
            facts.tls.as_ref().map_or_else(|| "no TLS".into(), |tls| format!("TLS ({tls})")),
            session.connect_time.as_millis()
        ),
    );
    settings(&mut session, &name, &role, report).await;
    let mut other: Option<(String, Session)> = None;
    let mut fine = Vec::new();
    for view in &config.views {
        if view.source != Source::Sql {
            continue;
        }
        let outcome = match &view.extension {
            None => read(&mut session, view, None).await,
            Some(extension) => match find(&mut session, target, extension, &mut other).await {
                Err(error) => Err(error),
                Ok(Some(at)) => match &mut other {
                    Some((_, elsewhere)) => read(elsewhere, view, Some(&at)).await,
                    None => read(&mut session, view, Some(&at)).await,
                },
                Ok(None) => {
                    let remedy = format!(
                        "shared_preload_libraries = '{extension}'    -- in postgresql.conf, then restart the server\n\
                         CREATE EXTENSION {extension};    -- in database {}",
                        facts.database
                    );
                    report.add(Level::Missing, &name, format!("{}: extension {extension} is in no database", view.name), Some(remedy));
                    continue;
                }
            },
        };
        match outcome {
            Ok(None) => {
                // The server's version has the view, and the extension does not.
                if let (Some(extension), Some(_)) = (&view.extension, view.sql_for(facts.major())) {
                    let remedy = Some(format!("ALTER EXTENSION {extension} UPDATE;    -- where it is installed"));
                    report.add(Level::Missing, &name, format!("{}: extension {extension} is too old", view.name), remedy);
                }
            }
            Ok(Some(rows)) => {
                let place = if view.scope == Scope::Database { " here" } else { "" };
                fine.push(format!("{} ({rows}{place})", view.name));
            }
            Err(error) => {
                let remedy = query_remedy(&error, view, &role);
                report.add(Level::Missing, &name, format!("{}: {error}", view.name), remedy);
                if !error.is_harmless() {
                    match Session::open(&target.conninfo, None).await {
                        Ok(opened) => session = opened,
                        Err(error) => return report.add(Level::Broken, &name, error.to_string(), connect_remedy(&error)),
                    }
                }
            }
        }
    }
    if !fine.is_empty() {
        report.fine(&name, format!("read, with rows: {}", fine.join(", ")));
    }
    session.close().await;
}

/// Rows of the view; `None` where the server's version does not have it.
async fn read(session: &mut Session, view: &View, installed: Option<&Installed>) -> Result<Option<usize>, SessionError> {
    let Some(mut probe) = SqlProbe::new(view, session.facts.major(), installed) else { return Ok(None) };
    let (snapshot, _) = probe.read(session, view, now_us()).await?;
    Ok(Some(snapshot.rows))
}

/// Where an extension is; where it is in another database, `other` is a session there.
async fn find(
    session: &mut Session,
    target: &TargetOptions,
    extension: &str,
    other: &mut Option<(String, Session)>,
) -> Result<Option<Installed>, SessionError> {
    if let Some(at) = installed(session, extension).await? {
        *other = None;
        return Ok(Some(at));
    }
    let mut names = Vec::new();
    session.read(crate::read::target::DATABASES, crate::read::target::LIST_TIMEOUT, |row| names.extend(text(row, 0))).await?;
    for name in names.into_iter().filter(|name| *name != session.facts.database).take(SEARCHED) {
        let Ok(mut elsewhere) = Session::open(&target.conninfo, Some(&name)).await else { continue };
        if let Ok(Some(at)) = installed(&mut elsewhere, extension).await {
            *other = Some((name, elsewhere));
            return Ok(Some(at));
        }
        elsewhere.close().await;
    }
    Ok(None)
}

const SETTINGS: &str = "select pg_has_role(current_user, 'pg_monitor', 'usage'), current_setting('compute_query_id'), \
     (select setting from pg_settings where name = 'shared_preload_libraries'), current_setting('track_io_timing'), \
     current_setting('track_activities')";

/// What the server's settings and the role keep from us.
async fn settings(session: &mut Session, name: &str, role: &str, report: &mut Report) {
    let mut row_of = None;
    let timeout = crate::read::target::LIST_TIMEOUT;
    let read = session
        .read(SETTINGS, timeout, |row| row_of = Some(std::array::from_fn::<_, 5, _>(|column| text(row, column).unwrap_or_default())));
    if let Err(error) = read.await {
        return report.add(Level::Missing, name, format!("the server's settings: {error}"), None);
    }
    let Some([monitor, query_id, preload, io_timing, activities]) = row_of else { return };
    if monitor != "t" {
        let what = "the role is no member of pg_monitor: other roles' sessions and statements stay hidden";
        report.add(Level::Missing, name, what, Some(format!("GRANT pg_monitor TO {role};")));
    }
    // Only a member sees what is preloaded.
    if query_id == "off" || (query_id == "auto" && monitor == "t" && !preload.contains("pg_stat_statements")) {
        let what = "sessions have no query_id: compute_query_id is off";
        report.add(Level::Missing, name, what, Some("ALTER SYSTEM SET compute_query_id = on; SELECT pg_reload_conf();".into()));
    }
    if io_timing == "off" {
        let what = "times of reads and writes are all 0: track_io_timing is off";
        report.add(Level::Missing, name, what, Some("ALTER SYSTEM SET track_io_timing = on; SELECT pg_reload_conf();".into()));
    }
    if activities == "off" {
        let what = "sessions are not seen at work: track_activities is off";
        report.add(Level::Missing, name, what, Some("ALTER SYSTEM SET track_activities = on; SELECT pg_reload_conf();".into()));
    }
}

fn query_remedy(error: &SessionError, view: &View, role: &str) -> Option<String> {
    match error.code()? {
        "42501" => Some(format!("GRANT {} TO {role};", view.privilege.as_deref().unwrap_or("pg_monitor"))),
        // "must be loaded via shared_preload_libraries"
        "55000" => view.extension.as_ref().map(|extension| {
            format!("shared_preload_libraries = '{extension}'    -- in postgresql.conf (beside what is there), then restart the server")
        }),
        "57014" => Some(format!("it took more than {} s; give it more: [view.{}] timeout", view.timeout.as_secs(), view.name)),
        _ => None,
    }
}

fn connect_remedy(error: &SessionError) -> Option<String> {
    let text = error.to_string();
    let remedy = if text.contains("no pg_hba.conf entry") || text.contains("pg_hba.conf rejects") {
        "add a line for this role, database and address to the server's pg_hba.conf, then SELECT pg_reload_conf();"
    } else if text.contains("password authentication failed") || text.contains("no password supplied") {
        "check the password: in the connection string, password_file, PGPASSWORD, or ~/.pgpass (chmod 600)"
    } else if text.contains("does not support TLS") {
        "switch ssl on at the server, or use sslmode=prefer where the network is trusted"
    } else if text.contains("TLS:") || text.contains("certificate") {
        "check sslrootcert, and that the server's certificate names the host in the connection string"
    } else if text.contains("refused") || text.contains("No such file") {
        "check host and port, and that the server runs and listens there (listen_addresses)"
    } else if text.contains("no answer") {
        "check the network and firewalls between"
    } else if text.contains("too many clients") || text.contains("remaining connection slots") {
        "the server has no connection left: raise max_connections, or give the role pg_use_reserved_connections (16 and later)"
    } else {
        return None;
    };
    Some(remedy.into())
}

/// A role's name as SQL takes it.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.into() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_shows_each_subject_once_and_remedies_below() {
        let mut report = Report::default();
        report.fine("backend", "answers");
        report.add(Level::Missing, "db-1", "no", Some("GRANT pg_monitor TO \"a b\";".into()));
        report.fine("db-1", "yes");
        assert_eq!(report.level(), Level::Missing);
        assert_eq!(
            report.to_string(),
            "backend\n  ok      answers\ndb-1\n  missing no\n          GRANT pg_monitor TO \"a b\";\n  ok      yes\n"
        );
    }

    #[test]
    fn roles_are_quoted_where_sql_needs_it() {
        assert_eq!(quoted("monitor_1"), "monitor_1");
        assert_eq!(quoted("We\"ird"), "\"We\"\"ird\"");
    }
}
