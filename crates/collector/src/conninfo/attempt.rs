//! The attempts a connection string stands for, in order, as sqlx's options.

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{Address, Conninfo, Host, RootCert, SslMode};

/// One try to connect.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub host: Host,
    /// What sqlx is given. Its `Debug` would show the password, so [`Options`] has none.
    pub options: Options,
    /// Whether the attempt speaks TLS.
    pub tls: bool,
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
        let modes: &[(PgSslMode, bool)] = match (&host.at, self.sslmode) {
            // libpq ignores sslmode on a Unix socket.
            (Address::Socket(_), _) | (_, SslMode::Disable) => &[(PgSslMode::Disable, false)],
            (_, SslMode::Allow) => &[(PgSslMode::Disable, false), (PgSslMode::Require, true)],
            (_, SslMode::Prefer) => &[(PgSslMode::Prefer, true), (PgSslMode::Disable, false)],
            (_, SslMode::Require) => &[(PgSslMode::Require, true)],
            (_, SslMode::VerifyCa) => &[(PgSslMode::VerifyCa, true)],
            (_, SslMode::VerifyFull) => &[(PgSslMode::VerifyFull, true)],
        };
        modes.iter().map(|(mode, tls)| Attempt { host: host.clone(), options: self.options(host, database, *mode), tls: *tls }).collect()
    }

    fn options(&self, host: &Host, database: Option<&str>, mode: PgSslMode) -> Options {
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(host.port)
            .ssl_mode(mode)
            .application_name(crate::session::APPLICATION_NAME)
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
