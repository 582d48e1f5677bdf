//! Why a server is not up: the kind, and what to do. Pure.
//!
//! The collector ships the error's text, with the SQLSTATE where the server's message may be in any language.

use serde::Serialize;
use utoipa::ToSchema;

/// SQLSTATE of a reached connection limit: of the server, a database or the role.
const TOO_MANY_CONNECTIONS: &str = "53300";

/// The kind of a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TroubleKind {
    /// The server runs, and has no connection left for the collector.
    TooManyConnections,
    /// The server runs, and refuses the collector's login.
    LoginRefused,
    /// The server starts, recovers or shuts down.
    Starting,
    /// Nothing answers at the address.
    Unreachable,
    Other,
}

/// Why a server is not up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Trouble {
    kind: TroubleKind,
    /// The server's SQLSTATE, if the server gave one.
    #[schema(example = "53300")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sqlstate: Option<String>,
    /// The problem, in a sentence.
    message: String,
    /// How to fix it.
    remedy: String,
}

impl Trouble {
    /// The trouble behind the collector's error.
    pub(crate) fn of(error: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| error.contains(part));
        let stated = between(error, "(SQLSTATE ", ")");
        let trouble = |kind, sqlstate: Option<&str>, message: &str, remedy: &str| Self {
            kind,
            sqlstate: stated.or(sqlstate).map(Into::into),
            message: message.into(),
            remedy: remedy.into(),
        };
        if stated == Some(TOO_MANY_CONNECTIONS)
            || has(&["too many connections for ", "too many clients already", "slots are reserved", "no more connections allowed"])
        {
            let (message, remedy) = limit(error);
            return trouble(TroubleKind::TooManyConnections, Some(TOO_MANY_CONNECTIONS), &message, &remedy);
        }
        if has(&["password authentication failed", "no password supplied"]) {
            return trouble(
                TroubleKind::LoginRefused,
                Some("28P01"),
                "The server refuses the collector's password.",
                "Check the password of the collector's target, and that the role exists and may log in.",
            );
        }
        if has(&["no pg_hba.conf entry", "pg_hba.conf rejects"]) {
            return trouble(
                TroubleKind::LoginRefused,
                Some("28000"),
                "The server's pg_hba.conf does not let the collector in.",
                "Add a line for the collector's role, database and address to pg_hba.conf, and run SELECT pg_reload_conf().",
            );
        }
        if has(&["the database system is "]) {
            return trouble(
                TroubleKind::Starting,
                Some("57P03"),
                "The server starts, recovers or shuts down.",
                "Wait. If this lasts, the server's log says what it does.",
            );
        }
        if has(&[
            "refused",
            "No such file",
            "no answer",
            "unreachable",
            "No route to host",
            "timed out",
            "lookup address",
            "Name or service",
        ]) {
            return trouble(
                TroubleKind::Unreachable,
                None,
                "The server does not answer.",
                "Check that the server runs and listens at this address, and that the collector's network reaches it.",
            );
        }
        trouble(
            TroubleKind::Other,
            None,
            "The collector cannot read the server.",
            "pganalytics doctor on the collector's machine says what is missing.",
        )
    }
}

/// The connection limit that is reached, and how to raise it.
fn limit(error: &str) -> (String, String) {
    if let Some(role) = between(error, "too many connections for role \"", "\"") {
        let remedy = format!("Raise the limit with ALTER ROLE {} CONNECTION LIMIT. The collector needs two connections.", quoted(role));
        return (format!("The role {role} has reached its connection limit."), remedy);
    }
    if let Some(database) = between(error, "too many connections for database \"", "\"") {
        let name = quoted(database);
        let remedy = format!("Raise the limit with ALTER DATABASE {name} CONNECTION LIMIT, or end idle sessions in it.");
        return (format!("The database {database} has reached its connection limit."), remedy);
    }
    let server = "End idle sessions, use a connection pooler, or raise max_connections. From PostgreSQL 16 on, GRANT pg_use_reserved_connections \
        to the collector's role keeps a slot for it, if reserved_connections is set.";
    if ["too many clients already", "slots are reserved", "no more connections allowed"].iter().any(|text| error.contains(text)) {
        return ("The server has reached max_connections.".into(), server.into());
    }
    // A message in another language does not say whose limit it is.
    let remedy = format!(
        "{server} If the server has free connections, the limit is the role's or the database's: ALTER ROLE or ALTER DATABASE … CONNECTION LIMIT."
    );
    ("The server, the role or the database has reached its connection limit.".into(), remedy)
}

/// The text between two parts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(within, _)| within)
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &str) -> (TroubleKind, Option<String>, String) {
        let Trouble { kind, sqlstate, message, remedy } = Trouble::of(&format!("db-1:5432: {error}"));
        (kind, sqlstate, format!("{message} {remedy}"))
    }

    #[test]
    fn the_limits_of_server_role_and_database_are_told_apart() {
        for (error, part) in [
            ("sorry, too many clients already", "The server has reached max_connections"),
            ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "has reached max_connections"),
            ("remaining connection slots are reserved for non-replication superuser connections", "has reached max_connections"),
            ("FATAL: no more connections allowed (max_client_conn)", "has reached max_connections"),
            ("too many connections for role \"monitor\"", "ALTER ROLE monitor CONNECTION LIMIT"),
            ("too many connections for role \"Monitor\" (SQLSTATE 53300)", "ALTER ROLE \"Monitor\" CONNECTION LIMIT"),
            ("too many connections for database \"shop\"", "ALTER DATABASE shop CONNECTION LIMIT"),
            ("désolé, trop de clients sont déjà connectés (SQLSTATE 53300)", "The server, the role or the database"),
        ] {
            let (kind, sqlstate, text) = of(error);
            assert_eq!((kind, sqlstate.as_deref()), (TroubleKind::TooManyConnections, Some("53300")), "{error}");
            assert!(text.contains(part), "{error}: {text}");
        }
    }

    #[test]
    fn each_other_trouble_has_its_kind() {
        for (error, kind, sqlstate) in [
            ("password authentication failed for user \"m\"", TroubleKind::LoginRefused, Some("28P01")),
            ("no pg_hba.conf entry for host \"10.0.0.1\"", TroubleKind::LoginRefused, Some("28000")),
            ("the database system is starting up", TroubleKind::Starting, Some("57P03")),
            ("Connection refused (os error 111)", TroubleKind::Unreachable, None),
            ("no answer within 5 s", TroubleKind::Unreachable, None),
            ("cannot execute it (SQLSTATE 42501)", TroubleKind::Other, Some("42501")),
            ("something else", TroubleKind::Other, None),
        ] {
            let (found, state, text) = of(error);
            assert_eq!((found, state.as_deref()), (kind, sqlstate), "{error}");
            assert!(text.ends_with('.'), "{text}");
        }
    }
}
