//! The settings that libpq knows.

use std::collections::BTreeMap;

use super::error::ConninfoError;

/// Settings by libpq's keys.
pub(super) type Settings = BTreeMap<String, String>;

/// Keys and the environment variables that replace missing keys.
pub(super) const VARIABLES: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("options", "PGOPTIONS"),
    ("sslmode", "PGSSLMODE"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("gssencmode", "PGGSSENCMODE"),
    ("require_auth", "PGREQUIREAUTH"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
];

/// Other keys, whose variables are not read.
const OTHER_KEYS: &[&str] = &[
    "service",
    "servicefile",
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "replication",
    "requiressl",
    "sslcompression",
    "sslsni",
    "sslcrl",
    "sslcrldir",
    "sslpassword",
    "sslcertmode",
    "sslkeylogfile",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "min_protocol_version",
    "max_protocol_version",
    "requirepeer",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
    "scram_client_key",
    "scram_server_key",
    "oauth_issuer",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_scope",
];

/// Refuses values that ask for a protection that this client does not have. Ignoring them would be less safe.
pub(super) fn refuse_what_is_not_done(settings: &Settings) -> Result<(), ConninfoError> {
    let harmless: &[(&str, &[&str])] = &[
        ("channel_binding", &["disable", "prefer"]),
        ("gssencmode", &["disable", "prefer"]),
        ("sslnegotiation", &["postgres"]),
        ("replication", &["0", "no", "off", "false"]),
        ("sslcompression", &["0", "1"]),
        ("sslsni", &["0", "1"]),
        ("sslcertmode", &["allow", "disable"]),
        ("load_balance_hosts", &["disable", "random"]),
        ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
        ("ssl_max_protocol_version", &["TLSv1.3"]),
    ];
    for (key, values) in harmless {
        if settings.get(*key).is_some_and(|value| !value.is_empty() && !values.contains(&value.as_str())) {
            let problem = format!("this value of {key} is not supported");
            return Err(ConninfoError::new(problem, format!("remove it, or use one of: {}", values.join(", "))));
        }
    }
    let refused = ["sslcrl", "sslcrldir", "sslpassword", "requirepeer", "scram_client_key", "oauth_issuer"];
    match refused.iter().find(|key| settings.get(**key).is_some_and(|value| !value.is_empty())) {
        Some(key) => Err(ConninfoError::new(format!("this value of {key} is not supported"), "leave it out")),
        None => Ok(()),
    }
}

/// Returns the key as libpq knows it.
///
/// `place` names the key's position for errors. An error quotes the key only if it is similar to a known key, because a part of a password
/// with a space also looks like a key.
pub(super) fn known_key(key: &str, place: &str) -> Result<String, ConninfoError> {
    let keys = || VARIABLES.iter().map(|(key, _)| *key).chain(OTHER_KEYS.iter().copied());
    if key == "ssl" {
        return Ok("ssl".into());
    }
    if keys().any(|known| known == key) {
        return Ok(key.into());
    }
    let nearest = keys().map(|known| (strsim::jaro_winkler(key, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, nearest)) if likeness > 0.85 => {
            Err(ConninfoError::new(format!("'{key}' ({place}) is not a connection setting"), format!("did you mean '{nearest}'?")))
        }
        _ => Err(ConninfoError::new(
            format!("{place} is not a connection setting of libpq"),
            "a value with spaces needs quotes: key='the value'; in a URL, %20",
        )),
    }
}
