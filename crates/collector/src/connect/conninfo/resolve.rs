//! Turns a connection string into a complete [`Conninfo`], in libpq's order of precedence.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::address::{Address, Host, addresses};
use super::environment::Environment;
use super::error::ConninfoError;
use super::info::{Conninfo, DEFAULT_CONNECT_TIMEOUT};
use super::keys::{Settings, VARIABLES, refuse_what_is_not_done};
use super::login_files::LoginFiles;
use super::modes::{RootCert, SessionAttrs, SslMode};
use super::require_auth::RequireAuth;
use super::{passfile, service_file, url, words};
use crate::connect::secret::Secret;

impl FromStr for Conninfo {
    type Err = ConninfoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::resolve(text, &Environment::of_process())
    }
}

impl Conninfo {
    /// Parses a connection string and completes it.
    ///
    /// # Errors
    /// The first problem: a setting is invalid, or a file or service is not found.
    pub fn resolve(text: &str, environment: &Environment) -> Result<Self, ConninfoError> {
        Self::resolve_with(text, None, environment)
    }

    /// Like [`Self::resolve`], with a login in files.
    ///
    /// # Errors
    /// See [`Self::resolve`]. Also if the string, or its service, contains a login too.
    pub fn resolve_with(text: &str, files: Option<LoginFiles>, environment: &Environment) -> Result<Self, ConninfoError> {
        let in_file = |key: &str| files.as_ref().is_some_and(|files| files.say(key));
        let mut settings = settings(text)?;
        let service = settings.remove("service").or_else(|| environment.get("PGSERVICE").map(Into::into));
        if let Some(service) = service {
            for (key, value) in service_file::settings(&service, settings.get("servicefile").map(String::as_str), environment)? {
                settings.entry(key).or_insert(value);
            }
        }
        if let Some(key) = settings.keys().find(|key| in_file(key)) {
            return Err(ConninfoError::new(format!("has a {key}, but {key}_file is set too"), "remove one of them"));
        }
        for (key, variable) in VARIABLES.iter().filter(|(key, _)| !in_file(key)) {
            if let Some(value) = environment.get(variable) {
                settings.entry((*key).into()).or_insert_with(|| value.into());
            }
        }
        complete(settings, files, environment)
    }
}

/// Parses either form of a connection string.
fn settings(text: &str) -> Result<Settings, ConninfoError> {
    let text = text.trim();
    match text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
        Some(rest) => url::settings(rest),
        None => words::settings(text),
    }
}

/// Makes the connection info from the settings, with libpq's defaults.
fn complete(mut settings: Settings, login_files: Option<LoginFiles>, environment: &Environment) -> Result<Conninfo, ConninfoError> {
    let given = |key: &str| settings.get(key).is_some_and(|value| !value.is_empty());
    // With `hostaddr`, the name in the certificate would be compared with the address.
    let by_address = given("host") && given("hostaddr");
    let mut take = |key: &str| settings.remove(key).filter(|value| !value.is_empty());
    let user = match &login_files {
        Some(files) if files.user.is_some() => None,
        _ => take("user").or_else(|| environment.get("USER").or_else(|| environment.get("LOGNAME")).map(Into::into)),
    };
    let database = take("dbname");
    let password = take("password").map(Secret::new);
    let addresses = addresses(take("host").as_deref(), take("hostaddr").as_deref(), take("port").as_deref())?;

    let rootcert = match take("sslrootcert") {
        Some(system) if system == "system" => Some(RootCert::System),
        Some(file) => Some(RootCert::File(file.into())),
        None => environment.home(".postgresql/root.crt").filter(|file| file.exists()).map(RootCert::File),
    };
    let requiressl = take("requiressl").is_some_and(|value| value == "1");
    let sslmode = match take("sslmode") {
        Some(mode) => mode.parse()?,
        None if rootcert == Some(RootCert::System) => SslMode::VerifyFull,
        None if requiressl => SslMode::Require,
        None => SslMode::Prefer,
    };
    let tcp = addresses.iter().any(|(at, _)| matches!(at, Address::Tcp(_)));
    let sslmode = match (sslmode, &rootcert) {
        (SslMode::VerifyFull, _) if by_address => {
            return Err(ConninfoError::new("hostaddr together with host is not supported with sslmode=verify-full", "remove hostaddr"));
        }
        (SslMode::VerifyFull, None) => sslmode,
        (SslMode::VerifyCa, None) if tcp => {
            return Err(ConninfoError::new(
                "sslmode=verify-ca needs a root certificate",
                "set sslrootcert=FILE, put the certificate into ~/.postgresql/root.crt, or use sslmode=verify-full with the system's \
                 certificates",
            ));
        }
        // Any certificate of a public authority would pass without a check of its name. libpq refuses this too.
        (SslMode::Allow | SslMode::Prefer | SslMode::Require | SslMode::VerifyCa, Some(RootCert::System)) if tcp => {
            return Err(ConninfoError::new("sslrootcert=system requires sslmode=verify-full", "use sslmode=verify-full"));
        }
        (SslMode::Require, Some(RootCert::File(_))) => SslMode::VerifyCa,
        _ => sslmode,
    };
    let present = |file: Option<PathBuf>| file.filter(|file| file.exists());
    let sslcert = take("sslcert").map(PathBuf::from).or_else(|| present(environment.home(".postgresql/postgresql.crt")));
    let sslkey = take("sslkey").map(PathBuf::from).or_else(|| present(environment.home(".postgresql/postgresql.key")));
    let connect_timeout = match take("connect_timeout") {
        None => DEFAULT_CONNECT_TIMEOUT,
        Some(seconds) => match seconds.trim().parse::<i64>() {
            Ok(seconds) if seconds > 0 => Duration::from_secs(seconds.unsigned_abs()),
            Ok(_) => DEFAULT_CONNECT_TIMEOUT,
            Err(_) => return Err(ConninfoError::new("connect_timeout is not a number", "write whole seconds")),
        },
    };
    let target_session_attrs = take("target_session_attrs").map_or(Ok(SessionAttrs::Any), |attrs| attrs.parse())?;
    let require_auth = take("require_auth").map_or(Ok(RequireAuth::default()), |methods| methods.parse())?;
    let options = take("options");
    let passfile = take("passfile").map(PathBuf::from).or_else(|| environment.home(".pgpass"));
    refuse_what_is_not_done(&settings)?;

    let passfile = passfile.filter(|_| password.is_none() && login_files.is_none());
    let entries = passfile.as_deref().map(passfile::read).unwrap_or_default();
    let name = database.as_deref().or(user.as_deref()).unwrap_or_default();
    let hosts = addresses.into_iter().map(|(at, port)| {
        let password = password.clone().or_else(|| passfile::find(&entries, &at, port, name, user.as_deref().unwrap_or_default()));
        Host { at, port, password }
    });
    Ok(Conninfo {
        hosts: hosts.collect(),
        user,
        database,
        sslmode,
        sslrootcert: rootcert,
        sslcert,
        sslkey,
        require_auth,
        connect_timeout,
        target_session_attrs,
        login_files,
        options,
    })
}
