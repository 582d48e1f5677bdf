//! Connection strings as libpq takes them: a URL or `key=value` words, completed from a service file, `PG*` variables,
//! `~/.pgpass` and libpq's defaults, in libpq's order of precedence.
//!
//! # Promise
//! - What works with `psql` works here with the same meaning, or is refused with the reason; nothing is silently ignored that
//!   would make a connection less safe.
//! - `Debug`, `Display` and every error leave the password out, whatever the string looked like.
//!
//! # sslmode
//! `disable` plain · `allow` plain, then TLS · `prefer` TLS, then plain · `require` TLS (and the server's certificate checked as
//! with `verify-ca` where a root certificate is there, as libpq does) · `verify-ca` · `verify-full`. Unix sockets use no TLS.

mod attempt;
mod login_files;
mod parse;
mod passfile;
mod service_file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::connect::secret::Secret;

pub(crate) use attempt::APPLICATION_NAME;
pub use attempt::{Attempt, Roots, Trust};
pub use login_files::LoginFiles;

const DEFAULT_PORT: u16 = 5432;
/// Where Debian and most distributions put the socket, and where PostgreSQL's own default is.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];
/// libpq waits for ever by default; a collector must not.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach a server: complete, nothing left to look up but what its login files hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Conninfo {
    pub hosts: Vec<Host>,
    pub user: Option<String>,
    /// The database; the user's name where none is given, as libpq has it.
    pub database: Option<String>,
    pub sslmode: SslMode,
    pub sslrootcert: Option<RootCert>,
    pub sslcert: Option<PathBuf>,
    pub sslkey: Option<PathBuf>,
    pub connect_timeout: Duration,
    pub target_session_attrs: SessionAttrs,
    pub login_files: Option<LoginFiles>,
    /// Command-line options for the server process (`-c key=value`).
    pub options: Option<String>,
}

/// One of the hosts of a connection string.
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    pub at: Address,
    pub port: u16,
    /// From the string, `PGPASSWORD` or the password file, which has one a host.
    pub password: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host name or an IP address.
    Tcp(String),
    /// The folder of the server's Unix socket.
    Socket(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Which certificates vouch for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCert {
    /// Those the operating system trusts (`sslrootcert=system`).
    System,
    File(PathBuf),
    /// Certificates that came from elsewhere, as PEM: a Kubernetes Secret holds them, no file.
    Pem(Arc<str>),
}

/// Which of several servers will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// Why a text is no connection string. Never holds a value from it but names of keys, files and services.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("connection string: {problem}; {remedy}")]
pub struct ConninfoError {
    pub problem: String,
    pub remedy: String,
}

impl ConninfoError {
    fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}

/// Where the rest of a connection comes from.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `PG*` variables and `HOME`.
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The process's own.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.variables.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn home(&self, file: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(file))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        let mine = |key: &str| key.starts_with("PG") || key == "HOME" || key == "USER" || key == "LOGNAME";
        Self { variables: variables.into_iter().filter(|(key, _)| mine(key)).collect() }
    }
}

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
    /// The first thing that is wrong or cannot be found.
    pub fn resolve(text: &str, environment: &Environment) -> Result<Self, ConninfoError> {
        Self::resolve_with(text, None, environment)
    }

    /// The same, with a login that is in files.
    ///
    /// # Errors
    /// See [`Self::resolve`]; that the string, or its service, has a login too is wrong.
    pub fn resolve_with(text: &str, files: Option<LoginFiles>, environment: &Environment) -> Result<Self, ConninfoError> {
        let in_file = |key: &str| files.as_ref().is_some_and(|files| files.say(key));
        let mut settings = parse::settings(text)?;
        let service = settings.remove("service").or_else(|| environment.get("PGSERVICE").map(Into::into));
        if let Some(service) = service {
            for (key, value) in service_file::settings(&service, settings.get("servicefile").map(String::as_str), environment)? {
                settings.entry(key).or_insert(value);
            }
        }
        if let Some(key) = settings.keys().find(|key| in_file(key)) {
            return Err(ConninfoError::new(format!("has a {key}, and {key}_file is given too"), "leave one of them out"));
        }
        for (key, variable) in parse::VARIABLES.iter().filter(|(key, _)| !in_file(key)) {
            if let Some(value) = environment.get(variable) {
                settings.entry((*key).into()).or_insert_with(|| value.into());
            }
        }
        complete(settings, files, environment)
    }

    /// How to reach one host, all of it given: nothing is taken from the environment. With `authority` that alone vouches for the server.
    #[must_use]
    pub fn to_host(host: Host, user: Option<String>, database: String, sslmode: SslMode, authority: Option<RootCert>) -> Self {
        Self {
            hosts: vec![host],
            user,
            database: Some(database),
            sslmode,
            sslrootcert: authority,
            sslcert: None,
            sslkey: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            target_session_attrs: SessionAttrs::Any,
            login_files: None,
            options: None,
        }
    }

    /// What the server is called where nobody gave it a name: `host:port` of the first host.
    #[must_use]
    pub fn server_name(&self) -> String {
        self.hosts.first().map_or_else(String::new, ToString::to_string)
    }

    /// The database, or the user's name.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref().or(self.user.as_deref())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Address::Tcp(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Address::Tcp(host) => write!(f, "{host}:{}", self.port),
            Address::Socket(_) => write!(f, "localhost:{}", self.port),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where it leads, without the secret.
impl fmt::Display for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgresql://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        for (i, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if i > 0 { "," } else { "" })?;
        }
        write!(f, "/{}", self.database().unwrap_or_default())
    }
}

impl fmt::Debug for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Turns the settings into what they mean, with libpq's defaults.
fn complete(mut settings: parse::Settings, login_files: Option<LoginFiles>, environment: &Environment) -> Result<Conninfo, ConninfoError> {
    let given = |key: &str| settings.get(key).is_some_and(|value| !value.is_empty());
    // The name of the certificate would be compared with the address.
    let by_address = given("host") && given("hostaddr");
    let mut take = |key: &str| settings.remove(key).filter(|value| !value.is_empty());
    let user = match &login_files {
        Some(files) if files.user.is_some() => None,
        _ => take("user").or_else(|| environment.get("USER").or_else(|| environment.get("LOGNAME")).map(Into::into)),
    };
    let database = take("dbname");
    let password = take("password").map(Secret::new);
    let addresses = parse::addresses(take("host").as_deref(), take("hostaddr").as_deref(), take("port").as_deref())?;

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
            return Err(ConninfoError::new("hostaddr beside host is not done with sslmode=verify-full", "leave hostaddr out"));
        }
        (SslMode::VerifyFull, None) => sslmode,
        (SslMode::VerifyCa, None) if tcp => {
            return Err(ConninfoError::new(
                "sslmode=verify-ca needs a root certificate",
                "give sslrootcert=FILE, put it in ~/.postgresql/root.crt, or use sslmode=verify-full with the system's certificates",
            ));
        }
        // Any certificate of the public authorities would pass without a look at the name: libpq refuses it too.
        (SslMode::Allow | SslMode::Prefer | SslMode::Require | SslMode::VerifyCa, Some(RootCert::System)) if tcp => {
            return Err(ConninfoError::new("sslrootcert=system is too weak for this sslmode", "use sslmode=verify-full"));
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
            Err(_) => return Err(ConninfoError::new("connect_timeout is no number", "give whole seconds")),
        },
    };
    let target_session_attrs = take("target_session_attrs").map_or(Ok(SessionAttrs::Any), |attrs| attrs.parse())?;
    let options = take("options");
    let passfile = take("passfile").map(PathBuf::from).or_else(|| environment.home(".pgpass"));
    parse::refuse_what_is_not_done(&settings)?;

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
        connect_timeout,
        target_session_attrs,
        login_files,
        options,
    })
}

impl FromStr for SslMode {
    type Err = ConninfoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "disable" => Ok(Self::Disable),
            "allow" => Ok(Self::Allow),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(ConninfoError::new(
                "sslmode is none that is known",
                "give one of: disable, allow, prefer, require, verify-ca, verify-full",
            )),
        }
    }
}

impl FromStr for SessionAttrs {
    type Err = ConninfoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Any),
            "read-write" => Ok(Self::ReadWrite),
            "read-only" => Ok(Self::ReadOnly),
            "primary" => Ok(Self::Primary),
            "standby" => Ok(Self::Standby),
            "prefer-standby" => Ok(Self::PreferStandby),
            _ => Err(ConninfoError::new(
                "target_session_attrs is none that is known",
                "give one of: any, read-write, read-only, primary, standby, prefer-standby",
            )),
        }
    }
}
