//! The databases of a server.

use std::time::Duration;

use crate::read::session::{Session, SessionError, text};

/// Databases that accept connections from this role, the busiest first. A limit of -2 marks the remains of an interrupted
/// DROP DATABASE. Databases of managed services refuse every customer.
const DATABASES: &str = "select datname from pg_database \
     where datallowconn and not datistemplate and datconnlimit <> -2 and has_database_privilege(oid, 'CONNECT') \
     and datname not in ('rdsadmin', 'cloudsqladmin', 'alloydbadmin', 'azure_maintenance') \
     order by pg_stat_get_db_xact_commit(oid) desc, oid";
const TIMEOUT: Duration = Duration::from_secs(5);
/// Databases that one query lists. The limit of a target is far below.
const LISTED: usize = 10_000;

/// The databases that accept connections from this role, the busiest first: a target's `max_databases` keeps these.
///
/// # Errors
/// The server's error.
pub(crate) async fn list(session: &mut Session) -> Result<Vec<String>, SessionError> {
    let mut names = Vec::new();
    let listed = session.read(DATABASES, TIMEOUT, |row| {
        if names.len() < LISTED {
            names.extend(text(row, 0));
        }
    });
    listed.await?;
    Ok(names)
}
