//! The remedy for an error.

use pganalytics_views::View;

use crate::read::session::SessionError;

pub(super) fn query_remedy(error: &SessionError, view: &View, role: &str) -> Option<String> {
    match error.code()? {
        "42501" => Some(format!("GRANT {} TO {role};", view.privilege.as_deref().unwrap_or("pg_monitor"))),
        // "must be loaded via shared_preload_libraries"
        "55000" => view.extension.as_ref().map(|extension| {
            format!("shared_preload_libraries = '{extension}'    -- in postgresql.conf (beside what is there), then restart the server")
        }),
        "57014" => Some(format!("it took more than {} s; give it more: [view.{}] timeout", view.timeout.as_secs(), view.name)),
        _ => None,
    }
}

pub(super) fn connect_remedy(error: &SessionError) -> Option<String> {
    let text = error.to_string();
    let remedy = if text.contains("no pg_hba.conf entry") || text.contains("pg_hba.conf rejects") {
        "add a line for this role, database and address to the server's pg_hba.conf, then SELECT pg_reload_conf();"
    } else if text.contains("password authentication failed") || text.contains("no password supplied") {
        "check the password: in the connection string, password_file, PGPASSWORD, or ~/.pgpass (chmod 600)"
    } else if text.contains("does not support TLS") {
        "switch ssl on at the server, or use sslmode=prefer where the network is trusted"
    } else if text.contains("TLS:") || text.contains("certificate") {
        "check sslrootcert, and that the server's certificate names the host in the connection string"
    } else if text.contains("refused") || text.contains("No such file") {
        "check host and port, and that the server runs and listens there (listen_addresses)"
    } else if text.contains("no answer") {
        "check the network and firewalls between"
    } else if text.contains("too many clients") || text.contains("remaining connection slots") {
        "the server has no connection left: raise max_connections, or give the role pg_use_reserved_connections (16 and later)"
    } else {
        return None;
    };
    Some(remedy.into())
}
