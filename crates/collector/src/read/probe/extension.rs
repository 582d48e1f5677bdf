//! Finds an extension in a session's database.

use std::time::Duration;

use crate::read::session::{Session, SessionError, text};

/// The number of databases that `doctor` searches. Each database costs a connection.
pub(crate) const SEARCHED: usize = 100;

/// An installed extension of one database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Installed {
    /// The schema of the extension, quoted.
    pub(crate) schema: String,
    /// The installed version, which may be older than the version that the server ships.
    pub(crate) version: String,
}

/// An installed extension, and the facts that decide how well it can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) installed: Installed,
    /// Whether the role may use the schema.
    pub(crate) usable: bool,
    /// The database's encoding. UTF8 and SQL_ASCII represent every text; other encodings may not.
    pub(crate) encoding: String,
    /// The role's name, quoted.
    pub(crate) role: String,
}

impl Found {
    /// The rank of a database. The extension is read in the database with the highest rank.
    pub(crate) fn rank(&self) -> (bool, bool, Vec<u64>) {
        let version = self.installed.version.split('.').map(|part| part.parse().unwrap_or_default()).collect();
        (self.usable, ["UTF8", "SQL_ASCII"].contains(&self.encoding.as_str()), version)
    }
}

const QUERY: &str = "select e.extname, pg_catalog.quote_ident(n.nspname), e.extversion, \
     pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.getdatabaseencoding(), pg_catalog.quote_ident(current_user) \
     from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace";
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the extension of the session's database, if it is installed.
pub(crate) async fn installed(session: &mut Session, extension: &str) -> Result<Option<Installed>, SessionError> {
    Ok(find(session, extension).await?.map(|found| found.installed))
}

/// Returns the extension of the session's database, and how well it can be read, if it is installed.
pub(crate) async fn find(session: &mut Session, extension: &str) -> Result<Option<Found>, SessionError> {
    let mut found = None;
    session
        .read(QUERY, TIMEOUT, |row| {
            let column = |at| text(row, at).unwrap_or_default();
            if column(0) == extension {
                let installed = Installed { schema: column(1), version: column(2) };
                found = Some(Found { installed, usable: column(3) == "t", encoding: column(4), role: column(5) });
            }
        })
        .await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(usable: bool, encoding: &str, version: &str) -> Found {
        let installed = Installed { schema: "public".into(), version: version.into() };
        Found { installed, usable, encoding: encoding.into(), role: "monitor".into() }
    }

    #[test]
    fn a_usable_home_ranks_first_then_one_that_accepts_every_text_then_the_newest_version() {
        let worst_first = [
            found(false, "UTF8", "1.12"),
            found(true, "LATIN1", "1.12"),
            found(true, "UTF8", "1.9"),
            found(true, "UTF8", "1.10"),
            found(true, "SQL_ASCII", "1.12"),
        ];
        assert!(worst_first.windows(2).all(|pair| pair[0].rank() < pair[1].rank()));
    }
}
