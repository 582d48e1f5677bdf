//! Parses a connection string in the form of a URL: `postgresql://[user[:password]@][host[:port]][,…][/database][?key=value&…]`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::error::ConninfoError;
use super::keys::{Settings, known_key};

/// Parses the text after `postgresql://`: `[user[:password]@][host[:port]][,…][/database][?key=value&…]`.
pub(super) fn settings(rest: &str) -> Result<Settings, ConninfoError> {
    let mut settings = Settings::new();
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let (credentials, hosts) = authority.rsplit_once('@').map_or((None, authority), |(credentials, hosts)| (Some(credentials), hosts));
    encoded(credentials, path, query)?;
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
        // JDBC's spelling, which libpq accepts too.
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

/// Refuses a user or a password that contains an unencoded delimiter. The rest of the password would be read as a host, a database or a
/// parameter, and the login would go to another server than intended. libpq silently accepts some of these texts.
fn encoded(credentials: Option<&str>, path: Option<&str>, query: Option<&str>) -> Result<(), ConninfoError> {
    let refuse = |character: char, code: &str| {
        let message = format!("the user or the password contains an unencoded '{character}'");
        Err(ConninfoError::new(message, format!("write '{character}' as {code}, or put the password into .pgpass or PGPASSWORD")))
    };
    match credentials {
        Some(credentials) if credentials.contains('@') => refuse('@', "%40"),
        Some(_) => Ok(()),
        None if path.is_some_and(|path| path.contains('@')) => refuse('/', "%2F"),
        None if query.is_some_and(|query| query.split('&').any(|pair| !pair.contains('=') && pair.contains('@'))) => refuse('?', "%3F"),
        None => Ok(()),
    }
}

fn decode(text: &str, place: &str) -> Result<String, ConninfoError> {
    let bad = || ConninfoError::new(format!("{place} has an invalid percent-encoding"), "write a '%' as %25");
    // The decoder keeps a single '%' as it is, but libpq refuses it.
    let escaped = |rest: &str| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(escaped) {
        return Err(bad());
    }
    percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| bad())
}
