//! The tables `[[target]]`: the servers to read.

use super::collector::host_name;
use super::overrides::Overrides;
use super::place::{ConfigError, Place};
use crate::connect::conninfo::{Conninfo, Environment, LoginFiles};

/// The default of `max_databases`. A round through more databases takes longer than the interval of the views.
pub(super) const DEFAULT_MAX_DATABASES: usize = 100;
/// The default of `max_connections`: one connection samples sessions, one reads everything else.
pub(super) const DEFAULT_MAX_CONNECTIONS: usize = 2;
const TARGET_KEYS: &[&str] =
    &["name", "conninfo", "user_file", "password_file", "databases", "exclude_databases", "max_databases", "max_connections"];

/// One server to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOptions {
    /// The server's name in every table.
    pub name: String,
    pub conninfo: Conninfo,
    /// Patterns of the databases to read.
    pub databases: Vec<String>,
    pub exclude_databases: Vec<String>,
    pub max_databases: usize,
    pub max_connections: usize,
}

impl TargetOptions {
    /// A target with the defaults, named after its host and port. A server on this machine is named after this machine: `localhost` is another
    /// server on each machine.
    #[must_use]
    pub fn new(conninfo: Conninfo) -> Self {
        Self {
            name: match conninfo.hosts.first() {
                Some(host) if host.is_here() => format!("{}:{}", host_name(), host.port),
                _ => conninfo.server_name(),
            },
            conninfo,
            databases: vec!["*".into()],
            exclude_databases: Vec::new(),
            max_databases: DEFAULT_MAX_DATABASES,
            max_connections: DEFAULT_MAX_CONNECTIONS,
        }
    }

    /// Whether a database is read.
    #[must_use]
    pub fn wants(&self, database: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, database));
        any(&self.databases) && !any(&self.exclude_databases)
    }
}

/// The targets of the file, then the targets of the flags and of the environment.
pub(super) fn read(root: &Place<'_>, overrides: &Overrides, discovers: bool) -> Result<Vec<TargetOptions>, ConfigError> {
    let environment: Environment = root.environment().clone().into_iter().collect();
    let mut targets: Vec<TargetOptions> = Vec::new();
    for at in root.tables_of("target")? {
        at.only(TARGET_KEYS)?;
        let conninfo = at.string("conninfo", "")?.ok_or_else(|| {
            at.error("conninfo", "is missing", "set a connection string, such as \"postgresql://pganalytics@db-1:5432/postgres\"")
        })?;
        let conninfo = Conninfo::resolve_with(&conninfo, login_files(&at)?, &environment);
        let mut target = TargetOptions::new(conninfo.map_err(|error| at.error("conninfo", &error.problem, &error.remedy))?);
        if let Some(name) = at.string("name", "")? {
            target.name = name;
        }
        if let Some(databases) = at.strings("databases")? {
            target.databases = databases;
        }
        target.exclude_databases = at.strings("exclude_databases")?.unwrap_or_default();
        target.max_databases = at.positive("max_databases")?.unwrap_or(target.max_databases);
        target.max_connections = at.positive("max_connections")?.unwrap_or(target.max_connections);
        if target.max_connections < 2 {
            return Err(at.error(
                "max_connections",
                "is too small",
                "set at least 2: one connection samples sessions, the other reads everything else",
            ));
        }
        if targets.iter().any(|other| other.name == target.name) {
            return Err(at.error(
                "name",
                &format!("'{}' is also the name of another target", target.name),
                "give each target its own name",
            ));
        }
        targets.push(target);
    }
    let given = overrides.targets.iter().map(|text| ("flags", text.as_str()));
    let more = root.variable("PGANALYTICS_TARGET");
    for (place, text) in given.chain(more.iter().map(|text| ("environment", text.as_str()))) {
        let error = |problem: &str, remedy: &str| ConfigError {
            place: place.into(),
            key: if place == "flags" { "--target".into() } else { "PGANALYTICS_TARGET".into() },
            problem: problem.into(),
            remedy: remedy.into(),
        };
        let conninfo = Conninfo::resolve(text, &environment).map_err(|cause| error(&cause.problem, &cause.remedy))?;
        let target = TargetOptions::new(conninfo);
        if targets.iter().any(|other| other.name == target.name) {
            return Err(error(
                &format!("the target '{}' exists already", target.name),
                "remove one, or give it another name in the configuration file",
            ));
        }
        targets.push(target);
    }
    if targets.is_empty() && !overrides.targets_optional && !discovers {
        return Err(root.error(
            "target",
            "is missing",
            "set the servers to read in [[target]], PGANALYTICS_TARGET or --target, or enable [kubernetes] to find pods",
        ));
    }
    Ok(targets)
}

/// The files that hold a target's login.
fn login_files(at: &Place<'_>) -> Result<Option<LoginFiles>, ConfigError> {
    match (at.string("user_file", "")?, at.string("password_file", "")?) {
        (user, Some(password)) => Ok(Some(LoginFiles { user: user.map(Into::into), password: password.into() })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err(at.error("password_file", "is missing, but user_file is set", "set it to the file with this user's password"))
        }
    }
}

/// `*` stands for any run of characters.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((front, rest)) => name.strip_prefix(front).is_some_and(|tail| {
            // Try the shortest run first. Patterns are a few characters long.
            tail.char_indices().map(|(i, _)| i).chain([tail.len()]).any(|i| fits(rest, &tail[i..]))
        }),
    }
}
