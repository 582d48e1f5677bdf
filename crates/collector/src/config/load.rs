//! The whole configuration, read from its three layers and checked.

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
        read(&place, &text, &environment.collect(), overrides)
    }
}

/// Reads the three layers; `place` is what the file is called in errors.
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
