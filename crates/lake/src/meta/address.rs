//! The address of the shared meta store: a PostgreSQL URL, with several hosts if a failover may move the primary.
//!
//! The form is that of libpq: `postgresql://user:password@host1:5432,host2/database?sslmode=verify-full&target_session_attrs=read-write`.
//! The first host that accepts writes is used. When it no longer accepts writes, new connections go to the host that does.
//!
//! The URL and the password may come from files, such as a mounted Secret. The files are read again while the backend runs. After a change
//! of the password, new connections use the new password without a restart, and existing connections stay open.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

/// The `application_name` of the sessions, shown in `pg_stat_activity`.
const APPLICATION: &str = "pganalytics-backend";
/// Settings of each session: timeouts that the server enforces, and synchronous commits, whatever the server's default. Acknowledgements
/// depend on synchronous commits.
const SETTINGS: [(&str, &str); 4] =
    [("statement_timeout", "30s"), ("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "30s"), ("synchronous_commit", "on")];
/// The parameters that are allowed after the `?`.
const PARAMETERS: [&str; 9] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "dbname", "password"];

/// The hosts, user, password and database. Displayed without the password.
#[derive(Clone)]
pub struct DatabaseUrl {
    pub(super) hosts: Vec<PgConnectOptions>,
    shown: String,
    pub(super) files: AddressFiles,
}

/// The files that an address was read from, and their contents.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct AddressFiles {
    url: Option<PathBuf>,
    password: Option<PathBuf>,
    contents: Vec<String>,
}

/// Why a text is not the address of a PostgreSQL server. The error never quotes the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    #[error("a database URL begins with postgresql:// (or postgres://), as in postgresql://pganalytics@db.example.com/pganalytics")]
    Scheme,
    #[error("the database URL's parameter '{0}' is unknown; it takes sslmode, sslrootcert, sslcert, sslkey, target_session_attrs")]
    Parameter(String),
    #[error("target_session_attrs={0} is not supported: the meta store must be writable; use read-write, or remove the parameter")]
    Attributes(String),
    #[error("the user or the password of the database URL contains an unencoded '{0}'; write '{0}' as {1}")]
    Unencoded(char, &'static str),
    #[error("the database URL cannot be read ({0}); special characters in user and password are written as %XX")]
    Form(String),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let rest =
            ["postgresql://", "postgres://"].iter().find_map(|scheme| text.trim().strip_prefix(scheme)).ok_or(DatabaseUrlError::Scheme)?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = address.split_once('/').unwrap_or((address, ""));
        let (account, hosts) = match authority.rsplit_once('@') {
            Some((account, hosts)) => (format!("{account}@"), hosts),
            None => (String::new(), authority),
        };
        encoded(rest, &account)?;
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "target_session_attrs" if matches!(value, "read-write" | "primary" | "any") => {}
                "target_session_attrs" => return Err(DatabaseUrlError::Attributes(value.into())),
                name if PARAMETERS.contains(&name) => kept.push(parameter),
                name => return Err(DatabaseUrlError::Parameter(name.into())),
            }
        }
        let kept = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        let options = hosts.split(',').map(|host| {
            let one = format!("postgresql://{account}{host}/{database}{kept}");
            let options = PgConnectOptions::from_str(&one).map_err(|error| DatabaseUrlError::Form(cause(&error)))?;
            Ok(options.application_name(APPLICATION).options(SETTINGS).disable_statement_logging())
        });
        let user = account.split([':', '@']).next().unwrap_or_default();
        let at = if user.is_empty() { "" } else { "@" };
        let shown = format!("postgresql://{user}{at}{hosts}/{database}");
        Ok(Self { hosts: options.collect::<Result<_, _>>()?, shown, files: AddressFiles::default() })
    }
}

/// Refuses a user or password with an unencoded delimiter: the rest of the password would be read as a host, a database or a parameter.
fn encoded(rest: &str, account: &str) -> Result<(), DatabaseUrlError> {
    if account.trim_end_matches('@').contains('@') {
        return Err(DatabaseUrlError::Unencoded('@', "%40"));
    }
    if rest.contains('#') {
        return Err(DatabaseUrlError::Unencoded('#', "%23"));
    }
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    if account.is_empty() && address.contains('@') {
        return Err(DatabaseUrlError::Unencoded('/', "%2F"));
    }
    if account.is_empty() && query.split('&').any(|pair| pair.contains('@') && !pair.contains('=')) {
        return Err(DatabaseUrlError::Unencoded('?', "%3F"));
    }
    Ok(())
}

/// The cause of a parse error, without the parsed text.
fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(inner) => inner.to_string(),
        _ => "it is not a URL".into(),
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Reads a small file, without the line break at its end.
fn read(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

impl DatabaseUrl {
    /// Reads the address from a file. The file is read again while the backend runs.
    ///
    /// # Errors
    /// If the file cannot be read, or does not hold an address.
    pub fn from_file(file: &Path) -> anyhow::Result<Self> {
        let text = read(file)?;
        let mut url: Self = text.parse().with_context(|| format!("cannot read {}", file.display()))?;
        url.files = AddressFiles { url: Some(file.to_owned()), password: None, contents: vec![text] };
        Ok(url)
    }

    /// The same address with the password from a file, such as a mounted Secret. The file is read again while the backend runs.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn with_password_file(mut self, file: &Path) -> anyhow::Result<Self> {
        let password = read(file)?;
        self.hosts = self.hosts.into_iter().map(|host| host.password(&password)).collect();
        self.files.password = Some(file.to_owned());
        self.files.contents.push(password);
        Ok(self)
    }

    /// The address with the current contents of its files.
    pub(super) fn renewed(&self) -> anyhow::Result<Self> {
        let url = match &self.files.url {
            Some(file) => Self::from_file(file)?,
            None => Self { files: AddressFiles::default(), ..self.clone() },
        };
        match &self.files.password {
            Some(file) => url.with_password_file(file),
            None => Ok(url),
        }
    }

    /// Whether the URL or the password was read from a file.
    pub(super) fn is_from_files(&self) -> bool {
        self.files != AddressFiles::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_several_hosts_are_parsed_and_the_password_is_not_printed() -> anyhow::Result<()> {
        let url: DatabaseUrl = "postgresql://me:s%40cret@a:5433,b/meta?sslmode=disable&target_session_attrs=read-write".parse()?;
        let hosts: Vec<(&str, u16)> = url.hosts.iter().map(|host| (host.get_host(), host.get_port())).collect();
        assert_eq!(hosts, [("a", 5433), ("b", 5432)]);
        assert_eq!(format!("{url} {url:?}"), "postgresql://me@a:5433,b/meta postgresql://me@a:5433,b/meta");
        Ok(())
    }

    #[test]
    fn an_unencoded_password_is_refused_with_its_encoding_and_without_the_password() {
        for (url, code) in [
            ("postgresql://me:hun@ter@a/meta", "'@' as %40"),
            ("postgresql://me:12#hunter@a/meta", "'#' as %23"),
            ("postgresql://me:12/hunter@a/meta", "'/' as %2F"),
            ("postgresql://me:12?hunter@a/meta", "'?' as %3F"),
        ] {
            let error = url.parse::<DatabaseUrl>().expect_err(url).to_string();
            assert!(error.contains("; write ") && error.contains(code) && !error.contains("hun"), "{url}: {error}");
        }
    }

    #[test]
    fn files_are_read_again_and_only_a_changed_file_counts_as_a_change() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (address, password) = (folder.path().join("uri"), folder.path().join("password"));
        std::fs::write(&address, "postgresql://me@a/meta\n")?;
        std::fs::write(&password, "one\n")?;
        let url = DatabaseUrl::from_file(&address)?.with_password_file(&password)?;
        assert!(url.renewed()?.files == url.files);
        std::fs::write(&password, "another\n")?;
        let renewed = url.renewed()?;
        assert!(renewed.files != url.files);
        assert_eq!(renewed.files.contents, ["postgresql://me@a/meta", "another"]);
        std::fs::write(&address, "postgresql://me@b/meta")?;
        assert_eq!(renewed.renewed()?.to_string(), "postgresql://me@b/meta");
        std::fs::remove_file(&password)?;
        assert!(renewed.renewed().is_err());
        Ok(())
    }

    #[test]
    fn an_invalid_url_is_refused_with_an_example() {
        let error = |text: &str| text.parse::<DatabaseUrl>().err();
        assert_eq!(error("mysql://x"), Some(DatabaseUrlError::Scheme));
        assert_eq!(error("postgres://a/b?sslmod=x"), Some(DatabaseUrlError::Parameter("sslmod".into())));
        assert_eq!(error("postgres://a/b?target_session_attrs=standby"), Some(DatabaseUrlError::Attributes("standby".into())));
        assert!(matches!(error("postgres://u:p@a:port/b"), Some(DatabaseUrlError::Form(text)) if !text.contains("u:p")));
    }
}
