//! Reads the whole configuration from its three layers and checks it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pganalytics_tls::ServerFiles;
use pganalytics_views::{View, ViewSet};

use super::backend::Backend;
use super::collector::{self, Collector, DEFAULT_FLUSH, host_name};
use super::kubernetes::{self, KubernetesOptions};
use super::overrides::Overrides;
use super::place::{ConfigError, Place};
use super::spool::{self, SpoolOptions};
use super::target::{self, TargetOptions};
use super::{backend_table, view};

const KEYS: &[&str] = &["backend", "spool", "collector", "target", "kubernetes", "view"];

/// The configuration of a collector.
#[derive(Debug, Clone)]
pub struct Config {
    pub backend: Backend,
    pub spool: SpoolOptions,
    /// The name of this collector.
    pub name: String,
    /// The address of /metrics, /livez and /readyz. `None`: not served.
    pub listen: Option<SocketAddr>,
    /// The TLS settings of that address. `None`: plain HTTP.
    pub tls: Option<ServerFiles>,
    pub flush: Duration,
    /// The views to collect.
    pub views: Vec<Arc<View>>,
    pub targets: Vec<TargetOptions>,
    /// The discovery of pods. `None`: no discovery.
    pub kubernetes: Option<KubernetesOptions>,
}

impl Config {
    /// A configuration in code, with the defaults and all built-in views.
    ///
    /// # Errors
    /// If a built-in view is invalid, which the build excludes.
    pub fn new(backend: Backend, spool: SpoolOptions, targets: Vec<TargetOptions>) -> anyhow::Result<Self> {
        let views = ViewSet::builtin()?.iter().cloned().collect();
        Ok(Self { backend, spool, name: host_name(), listen: None, tls: None, flush: DEFAULT_FLUSH, views, targets, kubernetes: None })
    }

    /// Reads the file, the environment and the overrides, and checks all of it.
    ///
    /// # Errors
    /// The first problem, with file, key and remedy.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|error| ConfigError {
                place: path.display().to_string(),
                key: "(file)".into(),
                problem: format!("cannot be read: {error}"),
                remedy: "choose a file that this user may read".into(),
            })?,
        };
        let place = path.map_or_else(|| "configuration".into(), |path| path.display().to_string());
        let environment = std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        read(&place, &text, &environment.collect(), overrides)
    }
}

/// Reads the three layers. `place` names the file in errors.
pub(super) fn read(place: &str, text: &str, environment: &BTreeMap<String, String>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let root = Place::root(place, text, environment)?;
    root.only(KEYS)?;
    let spool = spool::read(&root.table_of("spool")?, overrides)?;
    let backend = backend_table::read(&root.table_of("backend")?, overrides, &spool.folder)?;
    let Collector { name, listen, tls, flush, views } = collector::read(&root.table_of("collector")?, overrides)?;
    let views = view::read(&root, views)?;
    let kubernetes = kubernetes::read(&root.table_of("kubernetes")?)?;
    let targets = target::read(&root, overrides, kubernetes.is_some())?;
    Ok(Config { backend, spool, name, listen, tls, flush, views, targets, kubernetes })
}
