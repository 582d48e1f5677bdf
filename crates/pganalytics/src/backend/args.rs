//! The backend's settings as flags and variables.

use std::net::SocketAddr;
use std::path::PathBuf;

use pganalytics_server::lake::{
    DEFAULT_COMPACT_EVERY, DEFAULT_HOT_MEMORY, DEFAULT_MAX_ROWS, DEFAULT_QUERY_DEADLINE, DEFAULT_QUERY_MEMORY, DEFAULT_RETENTION,
    DEFAULT_SPILL_DISK, StoreUrl,
};
use pganalytics_server::tls::{ClientAuth, MinVersion};
use pganalytics_server::{DEFAULT_REQUEST_TIMEOUT, DEFAULT_SESSION_LIFETIME, Secret, ServiceAccount};

use crate::access::DEFAULT_DATA;
use crate::settings::{Size, Span};

/// Loopback by default. To be reachable from other machines, the address must be set.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// The backend's settings. The `[backend]` table of a file has the same names, with `_` instead of `-`. A variable overrides the file, and
/// a flag overrides both.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Backend")]
pub(crate) struct BackendArgs {
    /// The data folder; created if missing
    #[arg(long, env = "PGANALYTICS_DATA", value_name = "DIR", default_value = DEFAULT_DATA)]
    pub(crate) data: PathBuf,
    // A secret that is parsed later: an error of the command line would show the password of a mistyped URL.
    /// A PostgreSQL database that replicas share instead of the data folder, as in
    /// postgresql://user:password@host1,host2/db?sslmode=verify-full&target_session_attrs=read-write
    #[arg(long, env = "PGANALYTICS_DATABASE_URL", value_name = "URL", hide_env_values = true, conflicts_with = "database_url_file")]
    pub(super) database_url: Option<Secret>,
    /// A file with that URL; read again when it changes
    #[arg(long, env = "PGANALYTICS_DATABASE_URL_FILE", value_name = "FILE")]
    pub(super) database_url_file: Option<PathBuf>,
    /// A file with the password for that URL, if the URL has none; read again when it changes
    #[arg(long, env = "PGANALYTICS_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub(super) database_password_file: Option<PathBuf>,
    /// Where the files of the history are stored: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, file:///shared/folder, or
    /// database; by default the shared database, or the data folder if there is none
    #[arg(long, env = "PGANALYTICS_STORE", value_name = "URL")]
    pub(super) store: Option<StoreUrl>,
    /// A Redis (or Valkey) in which replicas share answers to queries and attempts to log in, as in
    /// rediss://:password@redis.example.com:6379/0; it may be unavailable at any time
    #[arg(long, env = "PGANALYTICS_REDIS_URL", value_name = "URL", hide_env_values = true, conflicts_with = "redis_url_file")]
    pub(super) redis_url: Option<Secret>,
    /// A file with that URL
    #[arg(long, env = "PGANALYTICS_REDIS_URL_FILE", value_name = "FILE")]
    pub(super) redis_url_file: Option<PathBuf>,
    /// A file with the password for that URL, if the URL has none
    #[arg(long, env = "PGANALYTICS_REDIS_PASSWORD_FILE", value_name = "FILE")]
    pub(super) redis_password_file: Option<PathBuf>,
    /// Authorities of the certificate of a rediss:// server (PEM), instead of the system's
    #[arg(long, env = "PGANALYTICS_REDIS_CA_FILE", value_name = "FILE")]
    pub(super) redis_ca_file: Option<PathBuf>,
    /// The address of the API and the web UI; port 0 chooses a free port
    #[arg(long, env = "PGANALYTICS_LISTEN", value_name = "IP:PORT", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// The certificate chain for HTTPS (PEM); read again when it changes
    #[arg(long, env = "PGANALYTICS_TLS_CERT", value_name = "FILE")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, env = "PGANALYTICS_TLS_KEY", value_name = "FILE")]
    pub(super) tls_key: Option<PathBuf>,
    /// The oldest TLS version: 1.2 or 1.3
    #[arg(long, env = "PGANALYTICS_TLS_MIN_VERSION", value_name = "VERSION", default_value_t = MinVersion::Tls13)]
    pub(super) tls_min_version: MinVersion,
    /// Authorities of client certificates (PEM); clients must then show a certificate
    #[arg(long, env = "PGANALYTICS_TLS_CLIENT_CA", value_name = "FILE")]
    pub(super) tls_client_ca: Option<PathBuf>,
    /// Revocation lists of those authorities (PEM); clients with a revoked certificate are refused; read again when it changes
    #[arg(long, env = "PGANALYTICS_TLS_CLIENT_CRL", value_name = "FILE")]
    pub(super) tls_client_crl: Option<PathBuf>,
    /// Which clients must show a certificate: required (all clients, the default with --tls-client-ca), optional (collectors only, not
    /// browsers and health checks), or off
    #[arg(long, env = "PGANALYTICS_TLS_CLIENT_AUTH", value_name = "WHO")]
    pub(super) tls_client_auth: Option<ClientAuth>,
    /// A collector's certificate must contain the collector's name as a DNS name, so that a stolen credential is useless with another
    /// certificate
    #[arg(long, env = "PGANALYTICS_TLS_CLIENT_BIND", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) tls_client_bind: bool,
    /// Serve plain HTTP to other machines. Passwords and tokens are then unencrypted, unless a proxy with TLS is in front
    #[arg(long, env = "PGANALYTICS_PLAIN_HTTP", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) plain_http: bool,
    /// Kubernetes ServiceAccounts whose collectors may enrol with their projected token: namespace/name, separated by commas
    #[arg(long, env = "PGANALYTICS_KUBERNETES_COLLECTORS", value_name = "ACCOUNTS", value_delimiter = ',')]
    pub(super) kubernetes_collectors: Vec<ServiceAccount>,
    /// Outside a pod: the address of the Kubernetes API
    #[arg(long, env = "PGANALYTICS_KUBERNETES_API_URL", value_name = "URL", requires = "kubernetes_token_file")]
    pub(super) kubernetes_api_url: Option<reqwest::Url>,
    /// Outside a pod: a file with the token of a ServiceAccount that may create tokenreviews
    #[arg(long, env = "PGANALYTICS_KUBERNETES_TOKEN_FILE", value_name = "FILE", requires = "kubernetes_api_url")]
    pub(super) kubernetes_token_file: Option<PathBuf>,
    /// Outside a pod: the authorities of the API's certificate (PEM)
    #[arg(long, env = "PGANALYTICS_KUBERNETES_API_CA_FILE", value_name = "FILE", requires = "kubernetes_api_url")]
    pub(super) kubernetes_ca_file: Option<PathBuf>,
    /// A folder with your own view definitions, in addition to the built-in ones
    #[arg(long, env = "PGANALYTICS_VIEWS", value_name = "DIR")]
    pub(super) views: Option<PathBuf>,
    /// How long rows are kept as collected, unless the retention is set (see `pganalytics retention`)
    #[arg(long, env = "PGANALYTICS_RETENTION", value_name = "SPAN", default_value_t = Span(DEFAULT_RETENTION))]
    pub(super) retention: Span,
    /// How often new rows are written to Parquet files
    #[arg(long, env = "PGANALYTICS_COMPACT_EVERY", value_name = "SPAN", default_value_t = Span(DEFAULT_COMPACT_EVERY))]
    pub(super) compact_every: Span,
    /// Memory for rows that are not in a file yet. When half of it is used, files are written early; when all is used, collectors wait
    #[arg(long, env = "PGANALYTICS_HOT_MEMORY", value_name = "SIZE", default_value_t = Size(DEFAULT_HOT_MEMORY))]
    pub(super) hot_memory: Size,
    /// Memory that all SQL queries share
    #[arg(long, env = "PGANALYTICS_QUERY_MEMORY", value_name = "SIZE", default_value_t = Size(DEFAULT_QUERY_MEMORY))]
    pub(super) query_memory: Size,
    /// Disk space for SQL queries whose sorting and grouping exceeds their memory
    #[arg(long, env = "PGANALYTICS_SPILL_DISK", value_name = "SIZE", default_value_t = Size(DEFAULT_SPILL_DISK))]
    pub(super) spill_disk: Size,
    /// The folder for that; by default the folder 'spill' in the data folder
    #[arg(long, env = "PGANALYTICS_SPILL_DIR", value_name = "DIR")]
    pub(super) spill_dir: Option<PathBuf>,
    /// The time limit of an SQL query
    #[arg(long, env = "PGANALYTICS_QUERY_DEADLINE", value_name = "SPAN", default_value_t = Span(DEFAULT_QUERY_DEADLINE))]
    pub(super) query_deadline: Span,
    /// The most rows of a query result
    #[arg(long, env = "PGANALYTICS_MAX_ROWS", value_name = "ROWS", default_value_t = DEFAULT_MAX_ROWS)]
    pub(super) max_rows: usize,
    /// The lifetime of a login; use does not extend it
    #[arg(long, env = "PGANALYTICS_SESSION_LIFETIME", value_name = "SPAN", default_value_t = Span(DEFAULT_SESSION_LIFETIME))]
    pub(super) session_lifetime: Span,
    /// The time limit of a request other than SQL
    #[arg(long, env = "PGANALYTICS_REQUEST_TIMEOUT", value_name = "SPAN", default_value_t = Span(DEFAULT_REQUEST_TIMEOUT))]
    pub(super) request_timeout: Span,
    /// Trust X-Forwarded-For, -Proto and -Host, which a proxy in front sets; without such a proxy anybody could set them
    #[arg(long, env = "PGANALYTICS_TRUSTED_PROXY", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) trusted_proxy: bool,
    /// Log each SQL statement with its sender; logins and changes are always logged
    #[arg(long, env = "PGANALYTICS_AUDIT_STATEMENTS", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) audit_statements: bool,
    /// How long requests are still accepted after SIGTERM, while /readyz fails; longer than a load balancer's check interval
    #[arg(long, env = "PGANALYTICS_DRAIN_DELAY", value_name = "SPAN")]
    pub(super) drain_delay: Option<Span>,
    /// Serve the web UI from this folder instead of the built-in one
    #[arg(long, env = "PGANALYTICS_UI", value_name = "DIR")]
    pub(super) ui: Option<PathBuf>,
}

#[cfg(test)]
pub(super) mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    /// The settings of these flags.
    pub(in crate::backend) fn args(flags: &[&str]) -> anyhow::Result<BackendArgs> {
        let command = BackendArgs::augment_args(clap::Command::new("serve"));
        let matches = command.try_get_matches_from([&["serve"], flags].concat())?;
        Ok(BackendArgs::from_arg_matches(&matches)?)
    }
}
