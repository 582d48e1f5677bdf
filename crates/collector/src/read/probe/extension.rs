//! An extension in a session's database.

use std::time::Duration;

use crate::read::session::{Session, SessionError, text};

/// Databases looked at in a search: each costs a connection.
pub(crate) const SEARCHED: usize = 20;

/// An extension as a database has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Installed {
    /// Quoted.
    pub(crate) schema: String,
    /// Its own version, which may be older than the server's.
    pub(crate) version: String,
}

const QUERY: &str =
    "select e.extname, quote_ident(n.nspname), e.extversion from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace";
const TIMEOUT: Duration = Duration::from_secs(5);

/// An extension in the database of a session, if it is there.
pub(crate) async fn installed(session: &mut Session, extension: &str) -> Result<Option<Installed>, SessionError> {
    let mut found = None;
    session
        .read(QUERY, TIMEOUT, |row| {
            if text(row, 0).as_deref() == Some(extension) {
                found = Some(Installed { schema: text(row, 1).unwrap_or_default(), version: text(row, 2).unwrap_or_default() });
            }
        })
        .await?;
    Ok(found)
}
