//! Checks settings of the server and rights of the role that hide statistics.

use std::time::Duration;

use super::report::{Level, Report};
use crate::read::session::{Session, text};

const TIMEOUT: Duration = Duration::from_secs(5);
const SETTINGS: &str = "select pg_catalog.pg_has_role(current_user, 'pg_monitor', 'usage'), \
     pg_catalog.current_setting('compute_query_id'), \
     (select setting from pg_catalog.pg_settings where name = 'shared_preload_libraries'), \
     pg_catalog.current_setting('track_io_timing'), pg_catalog.current_setting('track_activities')";

/// Checks settings of the server and rights of the role that hide statistics.
pub(super) async fn settings(session: &mut Session, name: &str, role: &str, report: &mut Report) {
    let mut row_of = None;
    let read = session
        .read(SETTINGS, TIMEOUT, |row| row_of = Some(std::array::from_fn::<_, 5, _>(|column| text(row, column).unwrap_or_default())));
    if let Err(error) = read.await {
        return report.add(Level::Missing, name, format!("the server's settings could not be read: {error}"), None);
    }
    let Some([monitor, query_id, preload, io_timing, activities]) = row_of else { return };
    if monitor != "t" {
        let what = "the role is not a member of pg_monitor: it cannot see other roles' sessions and statements";
        report.add(Level::Missing, name, what, Some(format!("GRANT pg_monitor TO {role};")));
    }
    // Only members of pg_read_all_settings see shared_preload_libraries.
    if query_id == "off" || (query_id == "auto" && monitor == "t" && !preload.contains("pg_stat_statements")) {
        let what = "sessions have no query_id: compute_query_id is off";
        report.add(Level::Missing, name, what, Some("ALTER SYSTEM SET compute_query_id = on; SELECT pg_reload_conf();".into()));
    }
    if io_timing == "off" {
        let what = "the times of reads and writes are always 0: track_io_timing is off";
        report.add(Level::Missing, name, what, Some("ALTER SYSTEM SET track_io_timing = on; SELECT pg_reload_conf();".into()));
    }
    if activities == "off" {
        let what = "the states and queries of sessions are hidden: track_activities is off";
        report.add(Level::Missing, name, what, Some("ALTER SYSTEM SET track_activities = on; SELECT pg_reload_conf();".into()));
    }
}
