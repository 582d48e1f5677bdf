//! The databases of a server.

use std::time::Duration;

use super::refused::is_refusal;
use crate::read::session::{Session, SessionError, text};

const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest number of databases in one list. A target's `max_databases` is far smaller.
const LISTED: usize = 10_000;

/// Why a database is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// An interrupted DROP DATABASE left it: `datconnlimit` is -2.
    Invalid,
    /// `datallowconn` is false.
    NoConnections,
    /// `datistemplate` is true.
    Template,
    /// An internal database of a managed service, which refuses all customers.
    Platform,
    /// The role lacks the CONNECT privilege.
    NoPrivilege,
}

/// A database of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Database {
    pub(crate) name: String,
    /// Why no connection is tried.
    pub(crate) closed: Option<Closed>,
}

/// The databases in an order.
fn query(order: &str) -> String {
    format!(
        "select d.datname, case when d.datconnlimit = -2 then 'invalid' when not d.datallowconn then 'no connections' \
         when d.datistemplate then 'template' \
         when d.datname in ('rdsadmin', 'cloudsqladmin', 'alloydbadmin', 'azure_maintenance', 'azure_sys') then 'platform' \
         when not pg_catalog.has_database_privilege(d.oid, 'CONNECT') then 'no privilege' end \
         from pg_catalog.pg_database as d order by {order}d.oid"
    )
}

/// Lists all databases. The busiest come first, since a target reads the first `max_databases`.
///
/// # Errors
/// The server's error.
pub(crate) async fn all(session: &mut Session) -> Result<Vec<Database>, SessionError> {
    match read(session, "pg_catalog.pg_stat_get_db_xact_commit(d.oid) desc, ").await {
        // The order is the only part that a server may refuse.
        Err(error) if is_refusal(&error) => read(session, "").await,
        listed => listed,
    }
}

/// Lists the databases that accept connections from this role.
///
/// # Errors
/// The server's error.
pub(crate) async fn list(session: &mut Session) -> Result<Vec<String>, SessionError> {
    Ok(all(session).await?.into_iter().filter(|database| database.closed.is_none()).map(|database| database.name).collect())
}

async fn read(session: &mut Session, order: &str) -> Result<Vec<Database>, SessionError> {
    let (query, mut databases) = (query(order), Vec::new());
    let listed = session.read(&query, TIMEOUT, |row| {
        if let Some(name) = text(row, 0)
            && databases.len() < LISTED
        {
            let closed = text(row, 1).and_then(|why| match why.as_str() {
                "invalid" => Some(Closed::Invalid),
                "no connections" => Some(Closed::NoConnections),
                "template" => Some(Closed::Template),
                "platform" => Some(Closed::Platform),
                "no privilege" => Some(Closed::NoPrivilege),
                _ => None,
            });
            databases.push(Database { name, closed });
        }
    });
    listed.await?;
    Ok(databases)
}
