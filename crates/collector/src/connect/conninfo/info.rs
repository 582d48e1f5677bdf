//! The parsed and completed connection string.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::address::Host;
use super::login_files::LoginFiles;
use super::modes::{RootCert, SessionAttrs, SslMode};
use super::require_auth::RequireAuth;

/// libpq waits without limit by default, but a collector must not.
pub(super) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach a server. The info is complete, except for the contents of its login files.
#[derive(Clone, PartialEq, Eq)]
pub struct Conninfo {
    pub hosts: Vec<Host>,
    pub user: Option<String>,
    /// The database. If none is given, the database has the user's name, as in libpq.
    pub database: Option<String>,
    pub sslmode: SslMode,
    pub sslrootcert: Option<RootCert>,
    pub sslcert: Option<PathBuf>,
    pub sslkey: Option<PathBuf>,
    /// How servers may ask for the password.
    pub require_auth: RequireAuth,
    pub connect_timeout: Duration,
    pub target_session_attrs: SessionAttrs,
    pub login_files: Option<LoginFiles>,
    /// Command-line options for the server process (`-c key=value`).
    pub options: Option<String>,
}

impl Conninfo {
    /// Makes the info for one host from the arguments alone, without the environment. If `authority` is given, no other authority is
    /// trusted.
    #[must_use]
    pub fn to_host(
        host: Host,
        user: Option<String>,
        database: String,
        (sslmode, authority): (SslMode, Option<RootCert>),
        require_auth: RequireAuth,
    ) -> Self {
        Self {
            hosts: vec![host],
            user,
            database: Some(database),
            sslmode,
            sslrootcert: authority,
            sslcert: None,
            sslkey: None,
            require_auth,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            target_session_attrs: SessionAttrs::Any,
            login_files: None,
            options: None,
        }
    }

    /// The server's default name: `host:port` of the first host.
    #[must_use]
    pub fn server_name(&self) -> String {
        self.hosts.first().map_or_else(String::new, ToString::to_string)
    }

    /// The database, or the user's name.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref().or(self.user.as_deref())
    }

    /// Returns the info with the login that its files hold now.
    ///
    /// # Errors
    /// The file, the problem and the remedy.
    pub(crate) async fn with_login(&self) -> Result<Cow<'_, Self>, String> {
        let Some(files) = self.login_files.clone() else { return Ok(Cow::Borrowed(self)) };
        let reading = tokio::task::spawn_blocking(move || files.read());
        let read = tokio::time::timeout(self.connect_timeout, reading).await;
        let (user, password) = match read {
            Ok(Ok(read)) => read?,
            Ok(Err(defect)) => return Err(format!("reading password_file panicked: {defect}")),
            Err(_) => return Err("password_file was not read in time: check its disk or network file system".into()),
        };
        let mut found = self.clone();
        found.user = user.map(|user| user.reveal().trim().to_owned()).or(found.user);
        found.hosts.iter_mut().for_each(|host| host.password = Some(password.clone()));
        Ok(Cow::Owned(found))
    }
}

/// Shows the address without the password.
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
