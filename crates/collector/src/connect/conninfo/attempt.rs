//! The attempts a connection string stands for, in order, as sqlx's options.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::address::{Address, Host};
use super::info::Conninfo;
use super::modes::{RootCert, SslMode};

/// What we call ourselves in `pg_stat_activity`; our own sessions are left out of the sampled ones by it.
pub(crate) const APPLICATION_NAME: &str = "pganalytics";

/// One try to connect.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub host: Host,
    /// What sqlx is given. Its `Debug` would show the password, so [`Options`] has none.
    pub options: Options,
    /// The certificates that alone vouch for the server, where the string names them: then TLS is not left to sqlx.
    pub trust: Option<Trust>,
}

/// What a server must show, and what we show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    pub roots: Roots,
    /// Whether the certificate must be of the host's name too.
    pub name: bool,
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Certificates of authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    File(PathBuf),
    Pem(Arc<str>),
}

/// sqlx's options, whose `Debug` shows nothing.
#[derive(Clone)]
pub struct Options(pub PgConnectOptions);

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Conninfo {
    /// What to try on one host, in order: the second attempt is made only where the first was refused, not where nobody answered.
    #[must_use]
    pub fn attempts(&self, host: &Host, database: Option<&str>) -> Vec<Attempt> {
        // sqlx's own `prefer` falls back only where the server knows no TLS; libpq's also where it refuses the session.
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
            // Poolers refuse startup parameters they do not know; this one is only for floats' last digits.
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
            // `-c key=value -c key=value`: sqlx writes the same form again.
            let pairs = given.split_whitespace().filter_map(|word| word.trim_start_matches("-c").trim_start_matches("--").split_once('='));
            options = options.options(pairs);
        }
        Options(options)
    }
}
