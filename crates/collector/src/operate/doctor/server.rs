//! Checks one server: connects to it and reads each view once.

use pganalytics_views::{Scope, Source, View};

use super::remedy::{connect_remedy, query_remedy};
use super::report::{Level, Report};
use super::settings::settings;
use crate::clock::now_us;
use crate::config::{Config, TargetOptions};
use crate::read::probe::databases;
use crate::read::probe::extension::{Installed, SEARCHED, installed};
use crate::read::probe::sql::SqlProbe;
use crate::read::session::{Session, SessionError};

pub(super) async fn examine(config: &Config, target: &TargetOptions, report: &mut Report) {
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
                    report.add(
                        Level::Missing,
                        &name,
                        format!("{}: extension {extension} is not installed in any database", view.name),
                        Some(remedy),
                    );
                    continue;
                }
            },
        };
        match outcome {
            Ok(None) => {
                // The server's version has the view, but the installed extension does not.
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
        report.fine(&name, format!("views that can be read (rows): {}", fine.join(", ")));
    }
    session.close().await;
}

/// Reads the view and returns its number of rows. `None` if the server's version does not have the view.
async fn read(session: &mut Session, view: &View, installed: Option<&Installed>) -> Result<Option<usize>, SessionError> {
    let Some(mut probe) = SqlProbe::new(view, session.facts.major(), installed) else { return Ok(None) };
    let (snapshot, _) = probe.read(session, view, now_us()).await?;
    Ok(Some(snapshot.rows))
}

/// Finds an extension. If it is in another database, `other` becomes a session there.
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
    let names = databases::list(session).await?;
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

/// The quoted name of a role.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.into() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_are_quoted_if_sql_requires_it() {
        assert_eq!(quoted("monitor_1"), "monitor_1");
        assert_eq!(quoted("We\"ird"), "\"We\"\"ird\"");
    }
}
