//! Databases that somebody wants to drop, copy, rename or move.

use std::time::Duration;

use crate::connect::conninfo::APPLICATION_NAME;
use crate::read::session::{Session, SessionError, text};

const TIMEOUT: Duration = Duration::from_secs(2);

/// The databases on which another session holds a lock that keeps new sessions out, as DROP DATABASE does while it waits for the sessions in the
/// database. The same query cancels what the role's own other sessions of this program run there.
fn query() -> String {
    format!(
        "with wanted as materialized ( \
             select distinct d.oid, d.datname from pg_catalog.pg_locks as l join pg_catalog.pg_database as d on d.oid = l.objid \
             where l.locktype = 'object' and l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass \
             and l.mode in ('ShareLock', 'AccessExclusiveLock') and l.pid <> pg_catalog.pg_backend_pid()) \
         select w.datname, ( \
             select pg_catalog.count(pg_catalog.pg_cancel_backend(a.pid)) from pg_catalog.pg_stat_activity as a \
             where a.datid = w.oid and a.usename = current_user and a.state = 'active' and a.application_name like '{APPLICATION_NAME}%' \
             and a.pid <> pg_catalog.pg_backend_pid()) \
         from wanted as w"
    )
}

/// Returns the databases that somebody wants, and ends the queries of this program there.
///
/// # Errors
/// The server's error.
pub(crate) async fn read(session: &mut Session) -> Result<Vec<String>, SessionError> {
    let mut names = Vec::new();
    session.read(&query(), TIMEOUT, |row| names.extend(text(row, 0))).await?;
    Ok(names)
}
