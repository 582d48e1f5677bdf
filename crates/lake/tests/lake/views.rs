//! Two small views.

use pganalytics_views::ViewSet;

pub(crate) const STATEMENTS: &str = r#"
name = "pg_stat_statements"
summary = "Statements."
scope = "server"
source = "probe"
interval = "60s"
[[columns]]
name = "datname"
kind = "label"
type = "text"
help = "Database."
[[columns]]
name = "queryid"
kind = "label"
type = "int8"
help = "Statement."
[[columns]]
name = "calls"
kind = "counter"
type = "int8"
help = "Calls."
[[columns]]
name = "total_exec_time"
kind = "counter"
type = "duration"
help = "Time."
[[columns]]
name = "load"
kind = "gauge"
type = "float8"
help = "Load."
[[columns]]
name = "toplevel"
kind = "gauge"
type = "bool"
help = "Whether."
"#;

const LATER: &str = r#"
[[columns]]
name = "wal_bytes"
kind = "counter"
type = "int8"
help = "WAL."
"#;

pub(crate) const SERVERS: &str = r#"
name = "pganalytics_server"
summary = "Servers."
scope = "server"
source = "probe"
interval = "10s"
ship = "always"
[[columns]]
name = "up"
kind = "gauge"
type = "bool"
help = "Up."
[[columns]]
name = "in_recovery"
kind = "gauge"
type = "bool"
help = "Standby."
[[columns]]
name = "version"
kind = "text"
type = "text"
help = "Version."
[[columns]]
name = "port"
kind = "gauge"
type = "int8"
help = "Port."
"#;

pub(crate) fn views() -> ViewSet {
    ViewSet::from_files([
        ("pg_stat_statements.toml".to_owned(), STATEMENTS.to_owned()),
        ("pganalytics_server.toml".to_owned(), SERVERS.to_owned()),
    ])
    .unwrap()
}

/// The views of a later version, with one more column.
pub(crate) fn later_views() -> ViewSet {
    ViewSet::from_files([
        ("pg_stat_statements.toml".to_owned(), format!("{STATEMENTS}{LATER}")),
        ("pganalytics_server.toml".to_owned(), SERVERS.to_owned()),
    ])
    .unwrap()
}
