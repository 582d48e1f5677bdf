//! The databases of a server.

use std::time::Duration;

use crate::read::session::{Session, SessionError, text};

/// Databases that accept connections from this role.
const DATABASES: &str = "select datname from pg_database \
     where datallowconn and not datistemplate and has_database_privilege(oid, 'CONNECT') order by datname";
const TIMEOUT: Duration = Duration::from_secs(5);
/// Databases named by one query; the cap of a target is far below.
const LISTED: usize = 10_000;

/// The databases that accept connections from us, by name.
///
/// # Errors
/// What the server said.
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
