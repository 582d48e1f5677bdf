//! Checks the databases of one server: which ones are read, and where the extensions are.

use std::collections::HashMap;

use super::name::quoted;
use super::remedy::connect_remedy;
use super::report::{Level, Report};
use crate::config::TargetOptions;
use crate::read::probe::databases::{Closed, all};
use crate::read::probe::extension::{self, Found, SEARCHED};
use crate::read::session::{Session, SessionError};

/// An installed extension.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) database: String,
    pub(super) found: Found,
}

/// Where each extension is read, by the extension's name.
pub(super) type Extensions = HashMap<String, Place>;

/// Connects once to each database that the collector reads, and reports those that are not read.
pub(super) async fn survey(
    session: &mut Session,
    target: &TargetOptions,
    subject: &str,
    report: &mut Report,
) -> Result<Extensions, SessionError> {
    let own = session.facts.database.clone();
    let role = quoted(&session.facts.role);
    let mut extensions = Extensions::new();
    meet(&mut extensions, &own, extension::all(session).await?);
    let (mut read, mut left_out, mut not_chosen) = (Vec::new(), 0_usize, Vec::new());
    for database in all(session).await? {
        let name = database.name;
        if let Some(closed) = database.closed {
            tell_closed(&name, closed, &role, subject, report);
        } else if !target.wants(&name) {
            not_chosen.push(name);
        } else if read.len() >= target.max_databases {
            left_out += 1;
        } else {
            read.push(name);
        }
    }
    // The collector also searches the databases that it does not read for extensions.
    for (at, name) in read.iter().chain(&not_chosen).enumerate().filter(|(_, name)| **name != own).take(SEARCHED) {
        match Session::open(&target.conninfo, Some(name)).await {
            Ok(mut elsewhere) => {
                if let Ok(found) = extension::all(&mut elsewhere).await {
                    meet(&mut extensions, name, found);
                }
                elsewhere.close().await;
            }
            Err(error) if at < read.len() => {
                let what = format!("database {name} refuses connections and is tried again every few hours: {error}");
                report.add(Level::Missing, subject, what, connect_remedy(&error));
            }
            Err(_) => {}
        }
    }
    if left_out > 0 {
        let what = format!("{} of {} databases are read, the busiest ones", read.len(), read.len() + left_out);
        report.add(Level::Missing, subject, what, Some("raise the target's max_databases, or choose with databases".into()));
    }
    if !not_chosen.is_empty() {
        report.fine(subject, format!("not read, as databases and exclude_databases say: {}", not_chosen.join(", ")));
    }
    Ok(extensions)
}

/// Keeps the best place of each extension. The target's own database comes first; another one replaces it only with a higher rank.
fn meet(extensions: &mut Extensions, database: &str, found: Vec<(String, Found)>) {
    for (name, found) in found {
        if extensions.get(&name).is_none_or(|known| known.found.rank() < found.rank()) {
            extensions.insert(name, Place { database: database.into(), found });
        }
    }
}

fn tell_closed(name: &str, closed: Closed, role: &str, subject: &str, report: &mut Report) {
    let database = quoted(name);
    match closed {
        Closed::Invalid => {
            let remedy = format!("DROP DATABASE {database};    -- an interrupted DROP DATABASE left it");
            report.add(Level::Missing, subject, format!("database {name} is invalid (datconnlimit = -2) and is not tried"), Some(remedy));
        }
        Closed::NoPrivilege => {
            let remedy = format!("GRANT CONNECT ON DATABASE {database} TO {role};");
            report.add(Level::Missing, subject, format!("database {name} is not tried: the role may not connect"), Some(remedy));
        }
        Closed::NoConnections if name == "template0" => {}
        Closed::NoConnections => report.fine(subject, format!("database {name} is not tried: it allows no connections (datallowconn)")),
        Closed::Template if name == "template1" => {}
        Closed::Template => report.fine(subject, format!("database {name} is not tried: it is a template (datistemplate)")),
        Closed::Platform => report.fine(subject, format!("database {name} is not tried: it is an internal database of the platform")),
    }
}

/// Reports where an extension is read, and what keeps it from being read well. Returns whether it can be read.
pub(super) fn tell_extension(name: &str, place: &Place, available: Option<&str>, role: &str, subject: &str, report: &mut Report) -> bool {
    let Place { database, found } = place;
    let (schema, version) = (&found.installed.schema, &found.installed.version);
    let what = format!("extension {name} {version} in schema {schema} of database {database}");
    if !found.usable {
        let remedy = format!("GRANT USAGE ON SCHEMA {schema} TO {role};    -- in database {database}");
        report.add(Level::Missing, subject, format!("{what}: the role may not use the schema"), Some(remedy));
        return false;
    }
    if let Some(newer) = available.filter(|available| found.is_older_than(available)) {
        let remedy = format!("ALTER EXTENSION {name} UPDATE;    -- in database {database}");
        report.add(Level::Missing, subject, format!("{what}: the server has version {newer}"), Some(remedy));
    } else if !found.shows_every_text() {
        let remedy = format!("CREATE EXTENSION {name};    -- in a database with encoding UTF8");
        let what = format!("{what}: its encoding {} lacks characters that other databases' statements may have", found.encoding);
        report.add(Level::Missing, subject, what, Some(remedy));
    } else {
        report.fine(subject, what);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::probe::extension::Installed;

    fn place(usable: bool, encoding: &str, version: &str) -> Place {
        let installed = Installed { schema: "ext".into(), version: version.into() };
        Place { database: "app".into(), found: Found { installed, usable, encoding: encoding.into(), role: "m".into() } }
    }

    #[test]
    fn each_trouble_of_an_extension_has_its_exact_remedy() {
        for (place, remedy) in [
            (place(false, "UTF8", "1.10"), Some("GRANT USAGE ON SCHEMA ext TO m;    -- in database app")),
            (place(true, "UTF8", "1.9"), Some("ALTER EXTENSION e UPDATE;    -- in database app")),
            (place(true, "LATIN1", "1.10"), Some("CREATE EXTENSION e;    -- in a database with encoding UTF8")),
            (place(true, "UTF8", "1.10"), None),
            (place(true, "SQL_ASCII", "1.10"), None),
        ] {
            let mut report = Report::default();
            assert_eq!(tell_extension("e", &place, Some("1.10"), "m", "db", &mut report), place.found.usable);
            assert_eq!(report.findings.iter().map(|finding| finding.remedy.as_deref()).collect::<Vec<_>>(), [remedy]);
            assert!(report.findings[0].what.contains("of database app"));
        }
    }

    #[test]
    fn databases_that_are_not_tried_are_told_with_the_reason() {
        let mut report = Report::default();
        for (name, closed) in [
            ("Broken", Closed::Invalid),
            ("archive", Closed::NoConnections),
            ("rdsadmin", Closed::Platform),
            ("hr", Closed::NoPrivilege),
            ("template0", Closed::NoConnections),
            ("template1", Closed::Template),
        ] {
            tell_closed(name, closed, "m", "db", &mut report);
        }
        let told = report.to_string();
        assert_eq!(report.findings.len(), 4, "{told}");
        for part in ["DROP DATABASE \"Broken\";", "archive is not tried", "rdsadmin is not tried", "GRANT CONNECT ON DATABASE hr TO m;"] {
            assert!(told.contains(part), "{told}");
        }
    }
}
