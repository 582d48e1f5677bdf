//! The remedy for an error.

use pganalytics_views::View;

use crate::read::session::SessionError;

pub(super) fn query_remedy(error: &SessionError, view: &View, role: &str) -> Option<String> {
    match error.code()? {
        "42501" => Some(format!("GRANT {} TO {role};", view.privilege.as_deref().unwrap_or("pg_monitor"))),
        // "must be loaded via shared_preload_libraries"
        "55000" => view.extension.as_ref().map(|extension| {
            format!("shared_preload_libraries = '{extension}'    -- in postgresql.conf (add it to the list), then restart the server")
        }),
        "57014" => Some(format!("the query took longer than {} s; set a longer [view.{}] timeout", view.timeout.as_secs(), view.name)),
        _ => None,
    }
}

pub(super) fn connect_remedy(error: &SessionError) -> Option<String> {
    let text = error.to_string();
    let remedy = if text.contains("no pg_hba.conf entry") || text.contains("pg_hba.conf rejects") {
        "add a line for this role, database and address to the server's pg_hba.conf, then SELECT pg_reload_conf();"
    } else if text.contains("password authentication failed") || text.contains("no password supplied") {
        "check the password: in the connection string, password_file, PGPASSWORD, or ~/.pgpass (chmod 600)"
    } else if text.contains("asks for the password") {
        "SET password_encryption = 'scram-sha-256'; ALTER ROLE … PASSWORD '…';    -- and scram-sha-256 for this role in pg_hba.conf"
    } else if text.contains("does not support TLS") {
        "set ssl = on at the server, or use sslmode=prefer if the network is trusted"
    } else if text.contains("TLS:") || text.contains("certificate") {
        "check sslrootcert, and that the server's certificate names the host in the connection string"
    } else if text.contains("refused") || text.contains("No such file") {
        "check host and port, and that the server runs and listens on this address (listen_addresses)"
    } else if text.contains("no answer") {
        "check the network and the firewalls between collector and server"
    } else if text.contains("too many connections for role") {
        "the role's connection limit is reached: ALTER ROLE … CONNECTION LIMIT 5; the collector needs two connections, doctor two more"
    } else if text.contains("too many connections for database") {
        "the database's connection limit is reached: ALTER DATABASE … CONNECTION LIMIT, or end idle sessions in it"
    } else if error.code() == Some("53300") || text.contains("too many clients") || text.contains("remaining connection slots") {
        "the server has no free connection: raise max_connections, or give the role pg_use_reserved_connections (16 and later)"
    } else {
        return None;
    };
    Some(remedy.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reached_connection_limit_differs_from_a_server_that_is_down() {
        let remedy = |message: &str, code: Option<&str>| {
            connect_remedy(&SessionError::Connect { at: "db-1".into(), message: message.into(), code: code.map(Into::into) })
        };
        let starts = |remedy: Option<String>, with: &str| remedy.is_some_and(|remedy| remedy.starts_with(with));
        assert!(starts(remedy("too many connections for role \"m\"", Some("53300")), "the role's connection limit"));
        assert!(starts(remedy("too many connections for database \"d\"", Some("53300")), "the database's connection limit"));
        assert!(starts(remedy("sorry, too many clients already", Some("53300")), "the server has no free connection"));
        // In any language.
        assert!(starts(remedy("tut mir leid, schon zu viele Verbindungen", Some("53300")), "the server has no free connection"));
        assert!(starts(remedy("Connection refused (os error 111)", None), "check host and port"));
    }
}
