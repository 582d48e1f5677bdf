//! The connection attempts that a connection string stands for, in order, as sqlx's options.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::address::{Address, Host};
use super::info::Conninfo;
use super::modes::{RootCert, SslMode};

/// The collector's `application_name` in `pg_stat_activity`. The collector excludes its own sessions from the samples by this name.
pub(crate) const APPLICATION_NAME: &str = "pganalytics";

/// One attempt to connect.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub host: Host,
    /// The options for sqlx. Their own `Debug` would show the password, so [`Options`] hides it.
    pub options: Options,
    /// The only certificates to trust, if the mode verifies against named certificates. The connection then does not use sqlx's TLS.
    pub trust: Option<Trust>,
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
        // sqlx's `prefer` falls back only if the server does not support TLS. libpq's also falls back if the server refuses the session.
        let modes: &[PgSslMode] = match (&host.at, self.sslmode) {
            // libpq ignores sslmode on a Unix socket.
            (Address::Socket(_), _) | (_, SslMode::Disable) => &[PgSslMode::Disable],
            (_, SslMode::Allow) => &[PgSslMode::Disable, PgSslMode::Require],
            (_, SslMode::Prefer) => &[PgSslMode::Prefer, PgSslMode::Disable],
            (_, SslMode::Require) => &[PgSslMode::Require],
            (_, SslMode::VerifyCa) => &[PgSslMode::VerifyCa],
            (_, SslMode::VerifyFull) => &[PgSslMode::VerifyFull],
        };
        let attempt =
            |mode: &PgSslMode| Attempt { host: host.clone(), options: self.options(host, database, *mode), trust: self.trust(*mode) };
        modes.iter().map(attempt).collect()
    }

    fn trust(&self, mode: PgSslMode) -> Option<Trust> {
        let roots = match (&self.sslrootcert, mode) {
            (Some(RootCert::File(file)), PgSslMode::VerifyCa | PgSslMode::VerifyFull) => Roots::File(file.clone()),
            (Some(RootCert::Pem(pem)), PgSslMode::VerifyCa | PgSslMode::VerifyFull) => Roots::Pem(Arc::clone(pem)),
            _ => return None,
        };
        let name = matches!(mode, PgSslMode::VerifyFull);
        Some(Trust { roots, name, certificate: self.sslcert.clone().zip(self.sslkey.clone()) })
    }

    fn options(&self, host: &Host, database: Option<&str>, mode: PgSslMode) -> Options {
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(host.port)
            .ssl_mode(mode)
            .application_name(APPLICATION_NAME)
            // Poolers refuse startup parameters that they do not know. This one only affects the last digits of floats.
            .extra_float_digits(None)
            .statement_cache_capacity(0)
            .disable_statement_logging();
        options = match &host.at {
            Address::Tcp(name) => options.host(name),
            Address::Socket(folder) => options.socket(folder),
        };
        if let Some(user) = &self.user {
            options = options.username(user);
        }
        if let Some(database) = database.or_else(|| self.database()) {
            options = options.database(database);
        }
        if let Some(password) = &host.password {
            options = options.password(password.reveal());
        }
        if let Some(RootCert::File(file)) = &self.sslrootcert {
            options = options.ssl_root_cert(file);
        }
        if let (Some(cert), Some(key)) = (&self.sslcert, &self.sslkey) {
            options = options.ssl_client_cert(cert).ssl_client_key(key);
        }
        if let Some(given) = &self.options {
            // `-c key=value -c key=value`: sqlx writes the pairs in the same form again.
            let pairs = given.split_whitespace().filter_map(|word| word.trim_start_matches("-c").trim_start_matches("--").split_once('='));
            options = options.options(pairs);
        }
        Options(options)
    }
}
