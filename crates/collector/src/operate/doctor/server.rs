//! Checks one server: connects to it and reads each view once.

use std::collections::HashMap;

use pganalytics_views::{Scope, Source, View};

use super::name::quoted;
use super::refusal::grants;
use super::remedy::{connect_remedy, query_remedy};
use super::report::{Level, Report};
use super::settings::settings;
use super::survey::{Extensions, survey, tell_extension};
use crate::clock::now_us;
use crate::config::{Config, TargetOptions};
use crate::read::probe::extension::{Installed, available};
use crate::read::probe::refused::{Refused, is_refusal, search};
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
    let extensions = match survey(&mut session, target, &name, report).await {
        Ok(extensions) => extensions,
        Err(error) => {
            report.add(Level::Missing, &name, format!("list the databases: {error}"), None);
            Extensions::default()
        }
    };
    let mut told: HashMap<&str, bool> = HashMap::new();
    let mut other: Option<(String, Session)> = None;
    let mut fine = Vec::new();
    for view in &config.views {
        if view.source != Source::Sql {
            continue;
        }
        let place = match &view.extension {
            None => None,
            Some(extension) => {
                let Some(place) = extensions.get(extension) else {
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
                };
                if !told.contains_key(extension.as_str()) {
                    let newest = available(&mut session, extension).await.ok().flatten();
                    let usable = tell_extension(extension, place, newest.as_deref(), &role, &name, report);
                    told.insert(extension, usable);
                }
                if told.get(extension.as_str()) == Some(&false) {
                    continue;
                }
                Some(place)
            }
        };
        let outcome = match place {
            Some(place) if place.database != facts.database => match elsewhere(&mut other, target, &place.database).await {
                Ok(session) => read(session, view, Some(&place.found.installed)).await,
                Err(error) => Err(error),
            },
            place => read(&mut session, view, place.map(|place| &place.found.installed)).await,
        };
        match outcome {
            Ok(None) => {
                // The server's version has the view, but the installed extension does not.
                if let (Some(extension), Some(_)) = (&view.extension, view.sql_for(facts.major())) {
                    let remedy = Some(format!("ALTER EXTENSION {extension} UPDATE;    -- where it is installed"));
                    report.add(Level::Missing, &name, format!("{}: extension {extension} is too old", view.name), remedy);
                }
            }
            Ok(Some(Outcome { rows, refused })) => {
                if let Some(refused) = refused {
                    let remedy = grants(&mut session, view, &refused).await;
                    report.add(Level::Missing, &name, format!("{}: {}", view.name, refused.why(view)), remedy);
                }
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

/// What one reading of a view gave.
struct Outcome {
    rows: usize,
    refused: Option<Refused>,
}

/// Reads the view as the collector does. `None` if the server's version does not have the view.
async fn read(session: &mut Session, view: &View, installed: Option<&Installed>) -> Result<Option<Outcome>, SessionError> {
    let major = session.facts.major();
    let Some(mut probe) = SqlProbe::new(view, major, installed) else { return Ok(None) };
    let refusal = match probe.read(session, view, now_us()).await {
        Ok((snapshot, _)) => return Ok(Some(Outcome { rows: snapshot.rows, refused: None })),
        Err(error) if is_refusal(&error) => error,
        Err(error) => return Err(error),
    };
    let Some(refused) = search(session, view, installed).await? else { return Err(refusal) };
    let Some(mut probe) = SqlProbe::without(view, major, installed, &refused.columns()) else { return Err(refusal) };
    let (snapshot, _) = probe.read(session, view, now_us()).await?;
    Ok(Some(Outcome { rows: snapshot.rows, refused: Some(refused) }))
}

/// The session on another database.
async fn elsewhere<'a>(
    other: &'a mut Option<(String, Session)>,
    target: &TargetOptions,
    database: &str,
) -> Result<&'a mut Session, SessionError> {
    if other.as_ref().is_none_or(|(name, _)| name != database) {
        *other = Some((database.into(), Session::open(&target.conninfo, Some(database)).await?));
    }
    other.as_mut().map(|(_, session)| session).ok_or_else(|| SessionError::Broken("the session is gone".into()))
}
