//! The connection attempts that a connection string stands for, in order.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use super::address::{Address, Host};
use super::info::Conninfo;
use super::modes::{RootCert, SslMode};
use super::require_auth::RequireAuth;

/// The collector's `application_name` in `pg_stat_activity`. The collector excludes its own sessions from the samples by this name.
pub(crate) const APPLICATION_NAME: &str = "pganalytics";

/// One attempt to connect.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub host: Host,
    /// The login, as sqlx's options. Their own `Debug` would show the password, so [`Options`] hides it.
    pub options: Options,
    pub encryption: Encryption,
    /// How the server may ask for the password.
    pub require_auth: RequireAuth,
}

/// Whether a connection uses TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    Off,
    /// TLS if the server supports it, else plain.
    IfSupported(Trust),
    Required(Trust),
}

/// How the server's certificate is verified, and the client's own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    pub roots: Roots,
    /// Whether the certificate must also be for the host's name.
    pub name: bool,
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// The certificates of the trusted authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Any certificate is accepted: the connection is encrypted, but the server may be another one.
    Unchecked,
    /// The operating system's authorities.
    System,
    File(PathBuf),
    Pem(Arc<str>),
}

/// sqlx's options. Their `Debug` shows nothing.
#[derive(Clone)]
pub struct Options(pub PgConnectOptions);

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Conninfo {
    /// The attempts on one host, in order. The second attempt is made only if the server refused the first, not if nothing answered.
    #[must_use]
    pub fn attempts(&self, host: &Host, database: Option<&str>) -> Vec<Attempt> {
        // The two attempts of `prefer`: TLS or, if the server has none, plain; then plain, as in libpq, if the server refused the session.
        let encryptions = match (&host.at, self.sslmode) {
            // libpq ignores sslmode on a Unix socket.
            (Address::Socket(_), _) | (_, SslMode::Disable) => vec![Encryption::Off],
            (_, SslMode::Allow) => vec![Encryption::Off, Encryption::Required(self.trust(Roots::Unchecked))],
            (_, SslMode::Prefer) => vec![Encryption::IfSupported(self.trust(Roots::Unchecked)), Encryption::Off],
            (_, SslMode::Require) => vec![Encryption::Required(self.trust(Roots::Unchecked))],
            (_, SslMode::VerifyCa | SslMode::VerifyFull) => vec![Encryption::Required(self.trust(self.roots()))],
        };
        let attempt =
            |encryption| Attempt { host: host.clone(), options: self.options(host, database), encryption, require_auth: self.require_auth };
        encryptions.into_iter().map(attempt).collect()
    }

    fn roots(&self) -> Roots {
        match &self.sslrootcert {
            Some(RootCert::File(file)) => Roots::File(file.clone()),
            Some(RootCert::Pem(pem)) => Roots::Pem(Arc::clone(pem)),
            Some(RootCert::System) | None => Roots::System,
        }
    }

    fn trust(&self, roots: Roots) -> Trust {
        let name = self.sslmode == SslMode::VerifyFull;
        Trust { roots, name, certificate: self.sslcert.clone().zip(self.sslkey.clone()) }
    }

    fn options(&self, host: &Host, database: Option<&str>) -> Options {
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(host.port)
            .application_name(APPLICATION_NAME)
            // Poolers refuse startup parameters that they do not know. This one only affects the last digits of floats.
            .extra_float_digits(None)
            .statement_cache_capacity(0)
            .disable_statement_logging();
        if let Some(user) = &self.user {
            options = options.username(user);
        }
        if let Some(database) = database.or_else(|| self.database()) {
            options = options.database(database);
        }
        if let Some(password) = &host.password {
            options = options.password(password.reveal());
        }
        if let Some(given) = &self.options {
            // `-c key=value -c key=value`: sqlx writes the pairs in the same form again.
            let pairs = given.split_whitespace().filter_map(|word| word.trim_start_matches("-c").trim_start_matches("--").split_once('='));
            options = options.options(pairs);
        }
        Options(options)
    }
}
