//! The collector's configuration: a TOML file, `PGANALYTICS_*` variables over it, and flags over both; checked whole before
//! anything starts.
//!
//! ```toml
//! [backend]
//! url = "https://pganalytics.example.com"    # PGANALYTICS_BACKEND_URL
//! token = "…"                                # PGANALYTICS_BACKEND_TOKEN; a token of kind collector
//! token_file = "/run/secrets/token"          # PGANALYTICS_BACKEND_TOKEN_FILE; read anew for each request, so it may be rotated
//! enrolment_token = "…"                      # PGANALYTICS_BACKEND_ENROLMENT_TOKEN; instead of a token: exchanged once for a credential
//! enrolment_token_file = "/run/secrets/e"    # PGANALYTICS_BACKEND_ENROLMENT_TOKEN_FILE; of its own, which is kept beside the spool
//! rotate_every = "30d"                       # PGANALYTICS_BACKEND_ROTATE_EVERY; how often that credential is renewed
//! ca_file = "/etc/ssl/our-ca.pem"            # PGANALYTICS_BACKEND_CA_FILE; authorities trusted beside the system's
//! cert_file = "/etc/ssl/db-1.pem"            # PGANALYTICS_BACKEND_CERT_FILE; a certificate to show, where the backend asks for one
//! key_file = "/etc/ssl/db-1.key"             # PGANALYTICS_BACKEND_KEY_FILE; these three are read again when they change
//! tls_min_version = "1.3"                    # PGANALYTICS_BACKEND_TLS_MIN_VERSION; or "1.2"
//!
//! [spool]
//! folder = "/var/lib/pganalytics-collector"  # PGANALYTICS_SPOOL_FOLDER
//! max_bytes = "1GiB"                         # PGANALYTICS_SPOOL_MAX_BYTES; when it is full the oldest batches are dropped
//!
//! [collector]
//! name = "db-1"                              # PGANALYTICS_COLLECTOR_NAME; the host's name where it is not given
//! listen = "127.0.0.1:8081"                  # PGANALYTICS_COLLECTOR_LISTEN; /metrics, /livez, /readyz; "off" for none
//! plain_http = true                          # PGANALYTICS_COLLECTOR_PLAIN_HTTP; needed where other machines reach listen and there is no tls_cert
//! tls_cert = "/etc/ssl/metrics.pem"          # PGANALYTICS_COLLECTOR_TLS_CERT; serves those over HTTPS; read again when it changes
//! tls_key = "/etc/ssl/metrics.key"           # PGANALYTICS_COLLECTOR_TLS_KEY
//! tls_min_version = "1.3"                    # PGANALYTICS_COLLECTOR_TLS_MIN_VERSION
//! tls_client_ca = "/etc/ssl/prometheus.pem"  # PGANALYTICS_COLLECTOR_TLS_CLIENT_CA; who asks shows a certificate of these authorities
//! tls_client_crl = "/etc/ssl/revoked.pem"    # PGANALYTICS_COLLECTOR_TLS_CLIENT_CRL; certificates that those authorities have revoked
//! tls_client_auth = "optional"               # PGANALYTICS_COLLECTOR_TLS_CLIENT_AUTH; only for /metrics; "required" where it is not given
//! flush = "10s"                              # PGANALYTICS_COLLECTOR_FLUSH; how often a batch is closed
//! views = "/etc/pganalytics/views"           # PGANALYTICS_COLLECTOR_VIEWS; a folder with more views/*.toml
//!
//! [[target]]                                 # any number of them
//! conninfo = "postgresql://pganalytics@db-1:5432/postgres?sslmode=verify-full"  # or key=value words, as psql takes it
//! name = "db-1"                              # host:port where it is not given
//! databases = ["*"]                          # those read one by one; `*` stands for anything
//! exclude_databases = ["scratch_*"]
//! max_databases = 100
//! user_file = "/run/secrets/db-1/username"     # a login that is not in conninfo: both are read anew at each connection, so it may
//! password_file = "/run/secrets/db-1/password" # be rotated; the first only beside the second
//! max_connections = 2                        # one for the sampling of sessions, the others for everything else
//!
//! [kubernetes]                               # PostgreSQL pods are found and read without being named; off where this is not given
//! enabled = true                             # PGANALYTICS_KUBERNETES_ENABLED
//! namespaces = ["shop", "billing"]           # PGANALYTICS_KUBERNETES_NAMESPACES, with commas; all where it is not given
//! node = "worker-1"                          # PGANALYTICS_KUBERNETES_NODE; pods of one node alone, for a collector on each
//! secrets = true                             # PGANALYTICS_KUBERNETES_SECRETS; logins come from Secrets, read by name
//! user = "pganalytics"                       # PGANALYTICS_KUBERNETES_USER or PGUSER; who logs in where no Secret says
//! password_file = "/run/secrets/password"    # PGANALYTICS_KUBERNETES_PASSWORD_FILE, or PGPASSWORD itself; read again when refused
//! database = "postgres"                      # PGANALYTICS_KUBERNETES_DATABASE
//! sslmode = "verify-ca"                      # PGANALYTICS_KUBERNETES_SSLMODE; what the operator's servers want where it is not given
//! ca_file = "/etc/ssl/postgres-ca.pem"       # PGANALYTICS_KUBERNETES_CA_FILE; signs for every discovered server
//! cgroups = "/host/sys/fs/cgroup"            # PGANALYTICS_KUBERNETES_CGROUPS; the node's, for CPU, throttling and memory of pods
//! volumes = "/host/var/lib/kubelet/pods"     # PGANALYTICS_KUBERNETES_VOLUMES; the kubelet's, for the use of data volumes
//! databases, exclude_databases, max_databases, max_connections  # as for a target
//! api_url, token_file, api_ca_file           # only outside a pod, which knows them
//!
//! [view.pg_stat_user_indexes]                # any view, by name
//! enabled = true
//! interval = "5m"
//! timeout = "10s"
//! max_rows = 20000
//! ```

mod file;
mod kubernetes;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pganalytics_tls::{MinVersion, ServerFiles};
use pganalytics_views::{View, ViewSet};

use crate::connect::conninfo::Conninfo;
use crate::connect::secret::Secret;
pub use kubernetes::{KubernetesOptions, Watched};

/// Where /metrics is served.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8081);
/// How often a batch is closed: seconds matter to people who look, and smaller batches compress worse.
pub const DEFAULT_FLUSH: Duration = Duration::from_secs(10);
/// Days of a busy server while the backend is away.
pub const DEFAULT_SPOOL_BYTES: u64 = 1 << 30;
/// How often a credential of its own is renewed: a stolen one is of use that long.
pub const DEFAULT_ROTATE_EVERY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const DEFAULT_SPOOL_FOLDER: &str = "/var/lib/pganalytics-collector";
/// A round through more databases than this takes longer than the views' interval.
pub const DEFAULT_MAX_DATABASES: usize = 100;
/// One for the sampling of sessions, one for everything else.
pub const DEFAULT_MAX_CONNECTIONS: usize = 2;

/// Everything a collector needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    pub backend: Backend,
    pub spool: SpoolOptions,
    /// What people call this collector.
    pub name: String,
    /// Where /metrics, /livez and /readyz are served; nowhere where `None`.
    pub listen: Option<SocketAddr>,
    /// How they are encrypted; not at all where `None`.
    pub tls: Option<ServerFiles>,
    pub flush: Duration,
    /// What is collected.
    pub views: Vec<Arc<View>>,
    pub targets: Vec<TargetOptions>,
    /// How pods are discovered; not at all where `None`.
    pub kubernetes: Option<KubernetesOptions>,
}

/// Where batches go.
#[derive(Debug, Clone)]
pub struct Backend {
    pub url: url::Url,
    pub token: Token,
    /// Authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// A certificate to show; there is a `key_file` then too.
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub tls_min_version: MinVersion,
}

impl Backend {
    /// One whose certificate, if it has one, is trusted as the system trusts.
    #[must_use]
    pub fn new(url: url::Url, token: Token) -> Self {
        Self { url, token, ca_file: None, cert_file: None, key_file: None, tls_min_version: MinVersion::default() }
    }
}

/// The collector's credential.
#[derive(Debug, Clone)]
pub enum Token {
    Given(Secret),
    /// Read anew for each request.
    File(PathBuf),
    /// A credential of its own, in the spool's folder. The token is what it is exchanged for; one that is enrolled needs none.
    Own {
        enrolment: Option<Source>,
        rotate_every: Duration,
    },
}

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub enum Source {
    Given(Secret),
    /// Read when it is needed.
    File(PathBuf),
}

impl Source {
    /// # Errors
    /// Where the file that the key names cannot be read.
    pub fn read(&self, key: &str) -> anyhow::Result<Secret> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::File(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("read [backend] {key} {}", file.display()))?;
                Ok(Secret::new(text.trim()))
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    pub folder: PathBuf,
    pub max_bytes: u64,
}

impl SpoolOptions {
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), max_bytes: DEFAULT_SPOOL_BYTES }
    }
}

/// One server to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOptions {
    /// The server's name in every table.
    pub name: String,
    pub conninfo: Conninfo,
    /// Patterns of the databases that are read one by one.
    pub databases: Vec<String>,
    pub exclude_databases: Vec<String>,
    pub max_databases: usize,
    pub max_connections: usize,
}

impl TargetOptions {
    /// A target with the defaults, named after its host and port.
    #[must_use]
    pub fn new(conninfo: Conninfo) -> Self {
        Self {
            name: conninfo.server_name(),
            conninfo,
            databases: vec!["*".into()],
            exclude_databases: Vec::new(),
            max_databases: DEFAULT_MAX_DATABASES,
            max_connections: DEFAULT_MAX_CONNECTIONS,
        }
    }

    /// Whether a database is read one by one.
    #[must_use]
    pub fn wants(&self, database: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, database));
        any(&self.databases) && !any(&self.exclude_databases)
    }
}

/// What stands above the file and the environment: the flags, or the process that has the collector in it.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Instead of anything `[backend]` says.
    pub backend: Option<Backend>,
    pub backend_url: Option<String>,
    pub token: Option<Secret>,
    pub token_file: Option<PathBuf>,
    pub enrolment_token_file: Option<PathBuf>,
    pub spool_folder: Option<PathBuf>,
    pub name: Option<String>,
    /// An address, or "off".
    pub listen: Option<String>,
    /// Connection strings of targets beside those of the file.
    pub targets: Vec<String>,
    /// No target is needed: the process may start without.
    pub targets_optional: bool,
}

/// What is wrong with the configuration: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {key}: {problem}; {remedy}")]
pub struct ConfigError {
    /// The file, `environment`, or `flags`.
    pub place: String,
    pub key: String,
    pub problem: String,
    pub remedy: String,
}

impl Config {
    /// A configuration in code, with the defaults and all built-in views.
    ///
    /// # Errors
    /// Where a built-in view is wrong, which the build excludes.
    pub fn new(backend: Backend, spool: SpoolOptions, targets: Vec<TargetOptions>) -> anyhow::Result<Self> {
        let views = ViewSet::builtin()?.iter().cloned().collect();
        Ok(Self { backend, spool, name: host_name(), listen: None, tls: None, flush: DEFAULT_FLUSH, views, targets, kubernetes: None })
    }

    /// Reads the file, the environment and the overrides, and checks them whole.
    ///
    /// # Errors
    /// The first thing that is wrong, with the file, the key and the remedy.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|error| ConfigError {
                place: path.display().to_string(),
                key: "(file)".into(),
                problem: format!("cannot be read: {error}"),
                remedy: "name a file that this user may read".into(),
            })?,
        };
        let place = path.map_or_else(|| "configuration".into(), |path| path.display().to_string());
        let environment = std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        file::load(&place, &text, &environment.collect(), overrides)
    }
}

/// This machine's name.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("collector").into()
}

/// `*` stands for any run of characters.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((front, rest)) => name.strip_prefix(front).is_some_and(|tail| {
            // The shortest run first; patterns are a few characters long.
            tail.char_indices().map(|(i, _)| i).chain([tail.len()]).any(|i| fits(rest, &tail[i..]))
        }),
    }
}
