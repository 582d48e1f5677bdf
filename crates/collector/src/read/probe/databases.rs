//! The databases of a server.

use std::time::Duration;

use crate::read::session::{Session, SessionError, text};

/// Databases that accept connections from this role, the busiest first. A connection limit of -2 marks an interrupted DROP DATABASE.
/// Internal databases of managed services refuse all customers and are left out.
const DATABASES: &str = "select datname from pg_catalog.pg_database \
     where datallowconn and not datistemplate and datconnlimit <> -2 and pg_catalog.has_database_privilege(oid, 'CONNECT') \
     and datname not in ('rdsadmin', 'cloudsqladmin', 'alloydbadmin', 'azure_maintenance') \
     order by pg_catalog.pg_stat_get_db_xact_commit(oid) desc, oid";
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest number of databases in one list. A target's `max_databases` is far smaller.
const LISTED: usize = 10_000;

/// Lists the databases that accept connections from this role. The busiest come first, since a target reads the first `max_databases`.
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
