//! The two spellings of a connection string, read into settings by their libpq names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Address, ConninfoError, DEFAULT_PORT, SOCKET_FOLDERS};

/// Settings by libpq's key.
pub(super) type Settings = BTreeMap<String, String>;

/// Keys and the variables that stand in for them.
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

/// Keys without a variable that matters here.
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

/// Values that ask for a protection this client does not have: refusing is the only honest answer.
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
            let problem = format!("{key} asks for what this client does not do");
            return Err(ConninfoError::new(problem, format!("leave it out, or give one of: {}", values.join(", "))));
        }
    }
    let refused = ["sslcrl", "sslcrldir", "sslpassword", "requirepeer", "require_auth", "scram_client_key", "oauth_issuer"];
    match refused.iter().find(|key| settings.get(**key).is_some_and(|value| !value.is_empty())) {
        Some(key) => Err(ConninfoError::new(format!("{key} asks for what this client does not do"), "leave it out")),
        None => Ok(()),
    }
}

/// Reads either spelling.
pub(super) fn settings(text: &str) -> Result<Settings, ConninfoError> {
    let text = text.trim();
    match text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
        Some(rest) => url(rest),
        None => words(text),
    }
}

/// The key as libpq knows it.
///
/// `place` says where it stands; the key itself is told only where it is like a known one, since a password with a space in it
/// looks like a key too.
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
            Err(ConninfoError::new(format!("'{key}' ({place}) is no setting"), format!("did you mean '{nearest}'?")))
        }
        _ => Err(ConninfoError::new(
            format!("{place} is no setting that libpq knows"),
            "a value with spaces needs quotes: key='the value'; in a URL, %20",
        )),
    }
}

/// `key=value key = 'a value' …`
fn words(text: &str) -> Result<Settings, ConninfoError> {
    let mut settings = Settings::new();
    let mut chars = text.chars().peekable();
    let mut number = 0;
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(settings);
        }
        number += 1;
        let place = format!("setting {number}");
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != '=') {
            key.push(c);
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next_if_eq(&'=').is_none() {
            return Err(ConninfoError::new(
                format!("{place} has no '='"),
                "write a URL (postgresql://user@host:port/database) or key=value words; quote a value with spaces: key='the value'",
            ));
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let quoted = chars.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match chars.next_if(|c| quoted || !c.is_whitespace()) {
                None if quoted => {
                    return Err(ConninfoError::new(format!("the quote of {place} is not closed"), "add the closing '"));
                }
                None => break,
                Some('\'') if quoted => break,
                // A backslash at the very end is dropped, as libpq does.
                Some('\\') => value.extend(chars.next()),
                Some(c) => value.push(c),
            }
        }
        settings.insert(known_key(&key, &place)?, value);
    }
}

/// What follows `postgresql://`: `[user[:password]@][host[:port]][,…][/database][?key=value&…]`.
fn url(rest: &str) -> Result<Settings, ConninfoError> {
    let mut settings = Settings::new();
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    // libpq takes the first '@'; the last one is what people mean who forgot to escape one in a password, and hosts have none.
    let (credentials, hosts) = authority.rsplit_once('@').map_or((None, authority), |(credentials, hosts)| (Some(credentials), hosts));
    if let Some(credentials) = credentials {
        let (user, password) = credentials.split_once(':').map_or((credentials, None), |(user, password)| (user, Some(password)));
        settings.insert("user".into(), decode(user, "the user")?);
        if let Some(password) = password {
            settings.insert("password".into(), decode(password, "the password")?);
        }
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = if let Some(bracket) = host.strip_prefix('[') {
            let (name, tail) = bracket
                .split_once(']')
                .ok_or_else(|| ConninfoError::new("the ']' of an IPv6 address is missing", "write [address]:port"))?;
            (name, tail.strip_prefix(':').unwrap_or_default())
        } else {
            host.split_once(':').unwrap_or((host, ""))
        };
        names.push(decode(name, "the host")?);
        ports.push(port.to_owned());
    }
    if names.iter().any(|name| !name.is_empty()) {
        settings.insert("host".into(), names.join(","));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        settings.insert("port".into(), ports.join(","));
    }
    if let Some(database) = path.filter(|path| !path.is_empty()) {
        settings.insert("dbname".into(), decode(database, "the database")?);
    }
    for (i, pair) in query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()).enumerate() {
        let place = format!("parameter {} of the URL", i + 1);
        let Some((key, value)) = pair.split_once('=') else {
            return Err(ConninfoError::new(format!("{place} has no '='"), "write ?key=value&key=value"));
        };
        let key = known_key(&decode(key, &place)?, &place)?;
        let value = decode(value, &place)?;
        // What JDBC taught people to write; libpq takes it too.
        if key == "ssl" {
            if value == "true" {
                settings.insert("sslmode".into(), "require".into());
            }
            continue;
        }
        settings.insert(key, value);
    }
    Ok(settings)
}

fn decode(text: &str, place: &str) -> Result<String, ConninfoError> {
    let bad = || ConninfoError::new(format!("{place} is not well escaped"), "write a '%' as %25");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(bad);
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).map_err(|_| bad())?);
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// The hosts and ports, paired as libpq pairs them.
pub(super) fn addresses(host: Option<&str>, hostaddr: Option<&str>, port: Option<&str>) -> Result<Vec<(Address, u16)>, ConninfoError> {
    let list = |text: Option<&str>| text.map(|text| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>());
    let (hosts, addresses, ports) = (list(host), list(hostaddr), list(port).unwrap_or_default());
    let names = match (hosts, addresses) {
        (Some(hosts), Some(addresses)) if hosts.len() != addresses.len() => {
            return Err(ConninfoError::new("host and hostaddr name different numbers of hosts", "give one hostaddr a host"));
        }
        // The address saves the look-up of the name; where it is empty the name is looked up.
        (Some(hosts), Some(addresses)) => {
            hosts.into_iter().zip(addresses).map(|(host, address)| if address.is_empty() { host } else { address }).collect()
        }
        (Some(names), None) | (None, Some(names)) => names,
        (None, None) => vec![String::new()],
    };
    if ports.len() > 1 && ports.len() != names.len() {
        return Err(ConninfoError::new("host and port name different numbers of hosts", "give one port, or one a host"));
    }
    let port_of = |i: usize| match ports.get(if ports.len() == 1 { 0 } else { i }).map(String::as_str) {
        None | Some("") => Ok(DEFAULT_PORT),
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| ConninfoError::new("a port is no number from 1 to 65535", "give the server's port, as in 5432")),
    };
    names
        .into_iter()
        .enumerate()
        .map(|(i, name)| {
            let port = port_of(i)?;
            let at = match name.as_str() {
                "" => default_address(port),
                folder if folder.starts_with('/') => Address::Socket(name.into()),
                folder if folder.starts_with('@') => {
                    return Err(ConninfoError::new("abstract sockets are not supported", "give the folder of the server's socket"));
                }
                _ => Address::Tcp(name),
            };
            Ok((at, port))
        })
        .collect()
}

/// The local server's socket where there is one, else localhost.
fn default_address(port: u16) -> Address {
    let there = |folder: &&str| PathBuf::from(folder).join(format!(".s.PGSQL.{port}")).exists();
    SOCKET_FOLDERS
        .iter()
        .find(|folder| there(folder))
        .map_or_else(|| Address::Tcp("localhost".into()), |folder| Address::Socket(folder.into()))
}
