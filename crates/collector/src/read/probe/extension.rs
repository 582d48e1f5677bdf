//! An extension in a session's database.

use std::time::Duration;

use crate::read::session::{Session, SessionError, text};

/// Databases that doctor searches: each costs a connection.
pub(crate) const SEARCHED: usize = 100;

/// An extension as a database has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Installed {
    /// Quoted.
    pub(crate) schema: String,
    /// Its own version, which may be older than the server's.
    pub(crate) version: String,
}

/// An extension in one database, and how well it can be read there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) installed: Installed,
    /// Whether the role may use the schema.
    pub(crate) usable: bool,
    /// The database's encoding. Texts of other encodings may have no equivalent in it; UTF8 and SQL_ASCII take all.
    pub(crate) encoding: String,
    /// The role's name, quoted.
    pub(crate) role: String,
}

impl Found {
    /// Compares two places: the greater one is read.
    pub(crate) fn rank(&self) -> (bool, bool, Vec<u64>) {
        let version = self.installed.version.split('.').map(|part| part.parse().unwrap_or_default()).collect();
        (self.usable, ["UTF8", "SQL_ASCII"].contains(&self.encoding.as_str()), version)
    }
}

const QUERY: &str = "select e.extname, pg_catalog.quote_ident(n.nspname), e.extversion, \
     pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.getdatabaseencoding(), pg_catalog.quote_ident(current_user) \
     from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace";
const TIMEOUT: Duration = Duration::from_secs(5);

/// An extension in the database of a session, if it is there.
pub(crate) async fn installed(session: &mut Session, extension: &str) -> Result<Option<Installed>, SessionError> {
    Ok(find(session, extension).await?.map(|found| found.installed))
}

/// An extension in the database of a session, and how well it can be read there.
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
    fn the_best_place_can_be_read_takes_every_text_and_has_the_newest_version() {
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
