//! The rows of each view: labels and texts of every row that a server can have, the same for all servers; and how often the rows change.

use super::shape::{Shape, mix};

/// How often a view's rows are shipped, and which column has the mark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habit {
    pub(super) view: &'static str,
    /// The column of the mark.
    pub(super) mark: &'static str,
    /// Marks are below 2^mark_bits.
    pub(super) mark_bits: u32,
    /// The share of the rows that a snapshot ships, in thousandths.
    pub(super) active: u64,
    /// A row is shipped in every n-th snapshot: 1 for rows that change all the time, a day of snapshots for rows that never change.
    pub(super) every: i64,
}

/// A mark in a float column is a multiple of this fraction, so that sums are exact.
pub(super) const FLOAT_MARK: i64 = 64;

const fn habit(view: &'static str, mark: &'static str, mark_bits: u32, active: u64, every: i64) -> Habit {
    Habit { view, mark, mark_bits, active, every }
}

/// Every view a fleet ships.
pub(super) const HABITS: [Habit; 22] = [
    habit("host_cpu", "cpus", 6, 1_000, 1),
    habit("host_disk", "reads", 16, 1_000, 1),
    habit("host_load", "load1", 10, 1_000, 1),
    habit("host_memory", "available", 34, 1_000, 1),
    habit("host_network", "received_bytes", 28, 1_000, 1),
    habit("pg_database", "size", 38, 1_000, 1),
    habit("pg_replication_slots", "retained_bytes", 30, 1_000, 1),
    // Once a day: settings rarely change.
    habit("pg_settings", "sourceline", 10, 1_000, 288),
    habit("pg_stat_activity", "samples", 3, 300, 1),
    habit("pg_stat_archiver", "archived_count", 4, 1_000, 1),
    habit("pg_stat_bgwriter", "buffers_alloc", 16, 1_000, 1),
    habit("pg_stat_checkpointer", "buffers_written", 14, 1_000, 1),
    habit("pg_stat_database", "xact_commit", 16, 800, 1),
    habit("pg_stat_io", "reads", 14, 400, 1),
    habit("pg_stat_replication", "replay_lag_bytes", 20, 1_000, 1),
    habit("pg_stat_statements", "calls", 14, 390, 1),
    // Once a day per statement.
    habit("pg_stat_statements_text", "query_bytes", 10, 1_000, 1_440),
    habit("pg_stat_user_indexes", "idx_scan", 16, 300, 1),
    habit("pg_stat_user_tables", "n_tup_upd", 16, 400, 1),
    habit("pg_stat_wal", "wal_bytes", 26, 1_000, 1),
    habit("pganalytics_cost", "rows_read", 12, 1_000, 1),
    habit("pganalytics_server", "databases", 4, 1_000, 1),
];

/// One label or text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Bool(bool),
    /// The server's own name, host or identifier.
    Host,
    Identifier,
    Collector,
}

/// The number of rows that a server can have of a view.
pub(super) fn count(view: &str, shape: &Shape) -> u32 {
    match view {
        "pg_stat_statements" | "pg_stat_statements_text" => shape.statements,
        "pg_stat_user_tables" => shape.tables,
        "pg_stat_user_indexes" => shape.tables * 2,
        "pg_stat_activity" => 30,
        "pg_stat_database" | "pg_database" => DATABASES,
        "pg_stat_io" => 30,
        "pg_settings" => 360,
        "host_disk" | "host_network" => 2,
        "pganalytics_cost" => u32::try_from(HABITS.len()).unwrap_or(0),
        _ => 1,
    }
}

const DATABASES: u32 = 5;

/// A label or text of a row. Most column names mean the same in every view.
pub(super) fn cell(view: &str, column: &str, row: u32, shape: &Shape) -> Cell {
    let text = |text: &str| Cell::Text(text.to_owned());
    let pick = |from: &[&str], at: u32| Cell::Text(from[at as usize % from.len()].to_owned());
    let null_or = |from: &[Option<&str>], at: u32| from[at as usize % from.len()].map_or(Cell::Null, |text| Cell::Text(text.to_owned()));
    match (view, column) {
        ("pg_stat_database", "datname") if row + 1 == DATABASES => Cell::Null,
        ("pg_stat_database" | "pg_database", "datname") => pick(&["app_1", "app_2", "app_3", "postgres", "template1"], row),
        ("pganalytics_cost", "datname") => Cell::Null,
        ("pganalytics_cost", "view") => Cell::Text(HABITS[row as usize % HABITS.len()].view.to_owned()),
        (_, "datname") => pick(&["app_1", "app_2", "app_3"], row),
        ("pg_stat_replication", "usename") => text("replicator"),
        (_, "usename") => pick(&["app", "app", "reporting"], row / 3),
        (_, "queryid") => Cell::Integer(queryid(row, shape)),
        ("pg_stat_activity", "query_id") => match row % 3 {
            0 => Cell::Null,
            _ => Cell::Integer(queryid(row, shape)),
        },
        (_, "toplevel") => Cell::Bool(true),
        (_, "query") => Cell::Text(format!(
            "select o.id, o.customer_id, o.placed_at, sum(l.price * l.count) as total from orders_{row} as o join lines as l on \
             l.order_id = o.id where o.customer_id = $1 and o.placed_at > $2 group by o.id order by o.placed_at desc limit $3"
        )),
        ("pg_stat_activity", "application_name") => pick(&["shop", "shop", "worker", "psql"], row),
        ("pg_stat_replication", "application_name") => text("standby-1"),
        ("pg_stat_activity", "backend_type") => text("client backend"),
        ("pg_stat_activity", "state") => pick(&["active", "active", "idle", "idle in transaction"], row / 2),
        ("pg_stat_activity", "wait_event_type") => null_or(&[None, Some("IO"), Some("Lock"), Some("LWLock"), Some("Client")], row),
        ("pg_stat_activity", "wait_event") => {
            null_or(&[None, Some("DataFileRead"), Some("transactionid"), Some("WALWrite"), Some("ClientRead")], row)
        }
        ("pg_stat_io", "backend_type") => {
            pick(&["client backend", "autovacuum worker", "checkpointer", "background writer", "walwriter"], row)
        }
        ("pg_stat_io", "object") => pick(&["relation", "temp relation"], row / 15),
        ("pg_stat_io", "context") => pick(&["normal", "vacuum", "bulkread"], row / 5),
        (_, "schemaname") => text("public"),
        ("pg_stat_user_tables", "relname") => Cell::Text(format!("orders_{row}")),
        ("pg_stat_user_indexes", "relname") => Cell::Text(format!("orders_{}", row / 2)),
        (_, "indexrelname") => Cell::Text(format!("orders_{}_{}", row / 2, if row.is_multiple_of(2) { "pkey" } else { "placed_at_idx" })),
        (_, "method") => text("btree"),
        (_, "kind") => text("table"),
        (_, "persistence") => text("permanent"),
        (_, "device") => pick(&["nvme0n1", "nvme1n1"], row),
        (_, "interface") => pick(&["eth0", "eth1"], row),
        ("pg_settings", "name") => Cell::Text(format!("setting_{row:03}")),
        ("pg_settings", "setting" | "boot_val") => Cell::Text((row * 16).to_string()),
        ("pg_settings", "source") => pick(&["default", "default", "configuration file"], row),
        ("pg_settings", "context") => pick(&["user", "postmaster", "sighup"], row),
        ("pg_settings", "vartype") => pick(&["integer", "bool", "string"], row),
        ("pg_settings", "category") => text("Resource Usage / Memory"),
        (_, "pending_restart" | "temporary" | "two_phase" | "is_template") => Cell::Bool(false),
        (_, "is_unique" | "is_primary") => Cell::Bool(row.is_multiple_of(2)),
        (_, "is_valid" | "allow_connections") => Cell::Bool(true),
        (_, "owner") => text("postgres"),
        (_, "tablespace") => text("pg_default"),
        (_, "encoding") => text("UTF8"),
        (_, "collation") => text("en_US.UTF-8"),
        (_, "slot_name") => text("standby_1"),
        (_, "slot_type") => text("physical"),
        (_, "wal_status") => text("reserved"),
        ("pg_stat_replication", "client_addr") => text("10.0.0.2"),
        ("pg_stat_replication", "instance") => Cell::Integer(0),
        ("pg_stat_replication", "state") => text("streaming"),
        (_, "sync_state") => text("async"),
        (_, "last_archived_wal") => text("0000000100000042000000A7"),
        (_, "version") => text("17.6"),
        (_, "host") => Cell::Host,
        ("pganalytics_server", "port") => Cell::Integer(5_432),
        (_, "system_identifier") => Cell::Identifier,
        (_, "collector") => Cell::Collector,
        _ => Cell::Null,
    }
}

/// Query ids as PostgreSQL makes them: any 64 bits.
fn queryid(row: u32, shape: &Shape) -> i64 {
    mix(mix(shape.seed) ^ u64::from(row)).cast_signed()
}
