//! The table `[kubernetes]`: which pods are considered, and how the collector logs in to their servers.

use std::path::PathBuf;

use pganalytics_kubernetes::Access;

use super::place::{ConfigError, Place};
use super::target::{DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_DATABASES, TargetOptions};
use crate::connect::conninfo::{Conninfo, RequireAuth, SslMode};
use crate::connect::secret::Secret;

/// The database that every operator creates and that every role may connect to.
const DEFAULT_DATABASE: &str = "postgres";
const KEYS: &[&str] = &[
    "enabled",
    "node",
    "namespaces",
    "secrets",
    "superuser_secrets",
    "user",
    "password_file",
    "database",
    "sslmode",
    "require_auth",
    "ca_file",
    "cgroups",
    "volumes",
    "logs",
    "databases",
    "exclude_databases",
    "max_databases",
    "max_connections",
    "api_url",
    "token_file",
    "api_ca_file",
];

/// Which pods are considered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// The namespaces. A Role in each is enough. `None` means all namespaces and needs a ClusterRole.
    pub namespaces: Option<Vec<String>>,
    /// Pods of this node only, for a collector on each node.
    pub node: Option<String>,
}

/// How PostgreSQL pods are found and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesOptions {
    pub watched: Watched,
    /// Whether logins are read from Secrets.
    pub secrets: bool,
    /// Whether the Secret of an operator's superuser is read if no other Secret has a login.
    pub superuser_secrets: bool,
    /// The user, if no Secret names one.
    pub user: Option<String>,
    /// The user's password, if no file holds it.
    pub password: Option<Secret>,
    /// The file of the user's password. Read again after a refused login.
    pub password_file: Option<PathBuf>,
    pub database: String,
    /// The `sslmode` for every server. `None` means the default for the server's operator.
    pub sslmode: Option<SslMode>,
    /// How servers may ask for the password. An annotation may only make this stricter.
    pub require_auth: RequireAuth,
    /// A file of authorities that sign the certificates of all discovered servers.
    pub ca_file: Option<PathBuf>,
    /// The mount of the node's cgroups, if there is one.
    pub cgroups: Option<PathBuf>,
    /// The mount of the kubelet's pod folders, if there is one.
    pub volumes: Option<PathBuf>,
    /// Whether the servers' logs are read through the Kubernetes API.
    pub logs: bool,
    pub databases: Vec<String>,
    pub exclude_databases: Vec<String>,
    pub max_databases: usize,
    pub max_connections: usize,
    /// The Kubernetes API, for a process outside a pod.
    pub access: Option<Access>,
}

impl KubernetesOptions {
    /// A table with defaults for all other keys.
    #[must_use]
    pub fn new(watched: Watched) -> Self {
        Self {
            watched,
            secrets: true,
            superuser_secrets: false,
            user: None,
            password: None,
            password_file: None,
            database: DEFAULT_DATABASE.into(),
            sslmode: None,
            require_auth: RequireAuth::default(),
            ca_file: None,
            cgroups: None,
            volumes: None,
            logs: false,
            databases: vec!["*".into()],
            exclude_databases: Vec::new(),
            max_databases: DEFAULT_MAX_DATABASES,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            access: None,
        }
    }

    /// Makes the target of a discovered server.
    #[must_use]
    pub(crate) fn target(&self, name: String, conninfo: Conninfo) -> TargetOptions {
        TargetOptions {
            name,
            conninfo,
            databases: self.databases.clone(),
            exclude_databases: self.exclude_databases.clone(),
            max_databases: self.max_databases,
            max_connections: self.max_connections,
        }
    }
}

pub(super) fn read(table: &Place<'_>) -> Result<Option<KubernetesOptions>, ConfigError> {
    table.only(KEYS)?;
    match table.switch("enabled", "PGANALYTICS_KUBERNETES_ENABLED")? {
        Some(true) => {}
        None if !table.table.is_empty() => {
            return Err(table.error("enabled", "is missing", "write enabled = true, or remove the whole table [kubernetes]"));
        }
        Some(false) | None => return Ok(None),
    }
    let namespaces = table.words("namespaces", "PGANALYTICS_KUBERNETES_NAMESPACES")?;
    let remedy = "list the namespaces to watch, such as [\"shop\", \"billing\"], or remove the key to watch all";
    if namespaces.as_ref().is_some_and(Vec::is_empty) {
        return Err(table.error("namespaces", "is empty", remedy));
    }
    if let Some(name) = namespaces.iter().flatten().find(|name| !is_label(name)) {
        return Err(table.error(
            "namespaces",
            &format!("'{name}' is not a valid namespace name"),
            "use lower-case letters, digits and dashes",
        ));
    }
    let watched = Watched { namespaces, node: table.string("node", "PGANALYTICS_KUBERNETES_NODE")? };
    let path = |key: &str, variable: &str| Ok(table.string(key, variable)?.map(PathBuf::from));
    let usual = KubernetesOptions::new(watched);
    let sslmode = table.string("sslmode", "PGANALYTICS_KUBERNETES_SSLMODE")?;
    let sslmode = sslmode.map(|mode| mode.parse::<SslMode>().map_err(|error| table.error("sslmode", &error.problem, &error.remedy)));
    let require_auth = table.string("require_auth", "PGANALYTICS_KUBERNETES_REQUIRE_AUTH")?;
    let require_auth = require_auth
        .map(|methods| methods.parse::<RequireAuth>().map_err(|error| table.error("require_auth", &error.problem, &error.remedy)));
    let superuser_secrets = table.switch("superuser_secrets", "PGANALYTICS_KUBERNETES_SUPERUSER_SECRETS")?;
    let options = KubernetesOptions {
        secrets: table.switch("secrets", "PGANALYTICS_KUBERNETES_SECRETS")?.unwrap_or(usual.secrets),
        superuser_secrets: superuser_secrets.unwrap_or(usual.superuser_secrets),
        // The variables of libpq, as for a target: one user and password for all servers.
        user: table.string("user", "PGANALYTICS_KUBERNETES_USER")?.or(table.variable("PGUSER")),
        password: table.variable("PGPASSWORD").map(Secret::new),
        password_file: path("password_file", "PGANALYTICS_KUBERNETES_PASSWORD_FILE")?,
        database: table.string("database", "PGANALYTICS_KUBERNETES_DATABASE")?.unwrap_or(usual.database),
        sslmode: sslmode.transpose()?,
        require_auth: require_auth.transpose()?.unwrap_or_default(),
        ca_file: path("ca_file", "PGANALYTICS_KUBERNETES_CA_FILE")?,
        cgroups: path("cgroups", "PGANALYTICS_KUBERNETES_CGROUPS")?,
        volumes: path("volumes", "PGANALYTICS_KUBERNETES_VOLUMES")?,
        logs: table.switch("logs", "PGANALYTICS_KUBERNETES_LOGS")?.unwrap_or(usual.logs),
        databases: table.strings("databases")?.unwrap_or(usual.databases),
        exclude_databases: table.strings("exclude_databases")?.unwrap_or(usual.exclude_databases),
        max_databases: table.positive("max_databases")?.unwrap_or(usual.max_databases),
        max_connections: table.positive("max_connections")?.unwrap_or(usual.max_connections),
        access: access(table)?,
        watched: usual.watched,
    };
    if options.max_connections < 2 {
        return Err(table.error(
            "max_connections",
            "is too small",
            "set at least 2: one connection samples sessions, the other reads everything else",
        ));
    }
    if !options.secrets && options.user.is_none() {
        let remedy = "set secrets = true, or set user and password_file of a role that exists on all servers";
        return Err(table.error("secrets", "is false, and no user is set, so there is no login", remedy));
    }
    Ok(Some(options))
}

/// Reads the Kubernetes API for a process outside a pod: all three keys, or none.
fn access(table: &Place<'_>) -> Result<Option<Access>, ConfigError> {
    let url = table.string("api_url", "PGANALYTICS_KUBERNETES_API_URL")?;
    let token_file = table.string("token_file", "PGANALYTICS_KUBERNETES_TOKEN_FILE")?;
    let ca_file = table.string("api_ca_file", "PGANALYTICS_KUBERNETES_API_CA_FILE")?;
    match (url, token_file) {
        (None, None) if ca_file.is_none() => Ok(None),
        (None, _) => Err(table.error("api_url", "is missing, but token_file or api_ca_file is set", "set the URL of the Kubernetes API")),
        (Some(_), None) => {
            Err(table.error("token_file", "is missing, but api_url is set", "set it to the file with a ServiceAccount's token"))
        }
        (Some(url), Some(token_file)) => {
            let url = url.parse().ok().filter(|url: &url::Url| matches!(url.scheme(), "https" | "http") && url.has_host());
            let url = url.ok_or_else(|| table.error("api_url", "is not an https URL", "write a URL such as \"https://10.0.0.1:6443\""))?;
            Ok(Some(Access { url, token_file: token_file.into(), ca_file: ca_file.map(Into::into), namespace: None }))
        }
    }
}

/// Whether Kubernetes accepts the name of a namespace.
fn is_label(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=63).contains(&name.len()) && name.starts_with(fits) && name.ends_with(fits) && name.chars().all(|c| fits(c) || c == '-')
}
