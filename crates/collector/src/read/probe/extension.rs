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
        (self.usable, self.shows_every_text(), version(&self.installed.version))
    }

    /// Whether the database's encoding represents every text.
    pub(crate) fn shows_every_text(&self) -> bool {
        ["UTF8", "SQL_ASCII"].contains(&self.encoding.as_str())
    }

    /// Whether the extension is older than this version.
    pub(crate) fn is_older_than(&self, other: &str) -> bool {
        version(&self.installed.version) < version(other)
    }
}

/// `1.11` as 1, 11.
fn version(text: &str) -> Vec<u64> {
    text.split('.').map(|part| part.parse().unwrap_or_default()).collect()
}

const QUERY: &str = "select e.extname, pg_catalog.quote_ident(n.nspname), e.extversion, \
     pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.getdatabaseencoding(), pg_catalog.quote_ident(current_user) \
     from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace";
const AVAILABLE: &str = "select v.name, v.default_version from pg_catalog.pg_available_extensions as v";
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the extension of the session's database, and how well it can be read, if it is installed.
pub(crate) async fn find(session: &mut Session, extension: &str) -> Result<Option<Found>, SessionError> {
    Ok(all(session).await?.into_iter().find(|(name, _)| name == extension).map(|(_, found)| found))
}

/// Returns every extension of the session's database by its name.
pub(crate) async fn all(session: &mut Session) -> Result<Vec<(String, Found)>, SessionError> {
    let mut extensions = Vec::new();
    session
        .read(QUERY, TIMEOUT, |row| {
            let column = |at| text(row, at).unwrap_or_default();
            let installed = Installed { schema: column(1), version: column(2) };
            extensions.push((column(0), Found { installed, usable: column(3) == "t", encoding: column(4), role: column(5) }));
        })
        .await?;
    Ok(extensions)
}

/// Returns the version of an extension that the server's files would install.
pub(crate) async fn available(session: &mut Session, extension: &str) -> Result<Option<String>, SessionError> {
    let mut version = None;
    session
        .read(AVAILABLE, TIMEOUT, |row| {
            if text(row, 0).as_deref() == Some(extension) {
                version = text(row, 1);
            }
        })
        .await?;
    Ok(version)
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
        assert!(worst_first[2].is_older_than("1.10") && !worst_first[3].is_older_than("1.10"));
        assert!(worst_first.windows(2).all(|pair| pair[0].rank() < pair[1].rank()));
    }
}
