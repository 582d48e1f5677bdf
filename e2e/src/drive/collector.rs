//! The collector as users run it: the built `pganalytics-collector` with a configuration file and its spool in a temporary folder. It reads every
//! view each second, so that a test sees several readings, unless [`Collector::configure`] sets other intervals.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context, Result};
use pganalytics_views::ViewSet;
use toml::{Table, Value};

use super::backend::Backend;
use crate::api::Api;
use crate::machine::ports;
use crate::machine::process::{Process, Signal, Spec};
use crate::machine::programs::binary;

/// A running or stopped collector.
#[derive(Debug)]
pub struct Collector {
    /// The port of /metrics.
    pub port: u16,
    /// Variables for the next [`Self::run`].
    pub environment: Vec<(String, String)>,
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl Collector {
    /// Starts a collector that reads these targets, `(name, conninfo)`, and ships to this backend.
    ///
    /// # Errors
    /// If the collector cannot be started.
    pub async fn start(backend: &Backend, targets: &[(&str, String)]) -> Result<Self> {
        let mut collector = Self::prepare(backend, targets).await?;
        collector.run()?;
        Ok(collector)
    }

    /// Prepares a collector without starting it, so that the test can [`Self::configure`] it first.
    ///
    /// # Errors
    /// If the backend gives no token, or the configuration cannot be written.
    pub async fn prepare(backend: &Backend, targets: &[(&str, String)]) -> Result<Self> {
        Self::prepare_for(&backend.api, None, targets).await
    }

    /// Prepares a collector that ships to the URL of an API, for instance of a load balancer. Over HTTPS the collector trusts this authority too.
    ///
    /// # Errors
    /// See [`Self::prepare`].
    pub async fn prepare_for(api: &Api, authority: Option<&Path>, targets: &[(&str, String)]) -> Result<Self> {
        let token = api.collector_token(&format!("collector {}", uuid::Uuid::new_v4())).await?;
        let authority = authority.map_or_else(String::new, |authority| format!("ca_file = {authority:?}\n"));
        Self::prepare_with(&api.url, &format!("token = {token:?}\n{authority}"), targets)
    }

    /// Prepares a collector that ships to a URL, with these lines in `[backend]`.
    ///
    /// # Errors
    /// If the configuration cannot be written.
    pub fn prepare_with(url: &str, backend: &str, targets: &[(&str, String)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-collector-").tempdir().context("create a temporary folder")?;
        let port = ports::free()?;
        let mut config = format!(
            "[backend]\nurl = {url:?}\n{backend}\n[spool]\nfolder = {:?}\n\
             [collector]\nname = \"collector-{port}\"\nlisten = \"127.0.0.1:{port}\"\nflush = \"1s\"\n",
            folder.path().join("spool"),
        );
        for view in ViewSet::builtin()?.iter() {
            let _ = writeln!(config, "[view.{}]\ninterval = \"1s\"", view.name);
        }
        for (name, conninfo) in targets {
            let _ = writeln!(config, "[[target]]\nname = {name:?}\nconninfo = {conninfo:?}");
        }
        let collector = Self { port, environment: Vec::new(), process: None, folder };
        let path = collector.config();
        std::fs::write(&path, config).with_context(|| format!("write {}", path.display()))?;
        Ok(collector)
    }

    /// Merges lines of TOML into the configuration, for the next [`Self::run`]. A key replaces the key before; `[[target]]` adds a target.
    ///
    /// # Errors
    /// If the lines are no TOML, or the configuration cannot be written.
    pub fn configure(&self, lines: &str) -> Result<()> {
        let path = self.config();
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let mut config: Table = text.parse().with_context(|| format!("parse {}", path.display()))?;
        merge(&mut config, lines.parse().with_context(|| format!("parse these lines: {lines}"))?);
        std::fs::write(&path, config.to_string()).with_context(|| format!("write {}", path.display()))
    }

    /// Starts the collector, also again after [`Self::kill`] or [`Self::stop`], with the same spool.
    ///
    /// # Errors
    /// If the collector cannot be started.
    pub fn run(&mut self) -> Result<()> {
        let mut spec = Spec::new(&binary("pganalytics-collector")?, &self.folder.path().join("collector.log")).arguments([
            "run".into(),
            "--config".into(),
            self.config(),
        ]);
        for (name, value) in &self.environment {
            spec = spec.environment(name, value);
        }
        self.process = Some(spec.spawn()?);
        Ok(())
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Sends SIGTERM and waits for the end. The collector ships what it has read.
    ///
    /// # Errors
    /// If the collector does not end.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Stops all threads of the collector (SIGSTOP) until [`Self::thaw`].
    ///
    /// # Errors
    /// If the collector does not run.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// # Errors
    /// If the collector does not run.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.process.as_ref().context("the collector does not run")?.signal(signal)
    }

    /// Runs `doctor` with the same configuration.
    ///
    /// # Errors
    /// If doctor cannot be started.
    pub fn doctor(&self) -> Result<Output> {
        let mut command = Spec::new(&binary("pganalytics-collector")?, &self.folder.path().join("doctor.log"))
            .arguments(["doctor".into(), "--config".into(), self.config()])
            .command();
        command.stdin(Stdio::null()).output().context("run doctor")
    }

    /// The answer of /metrics.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn metrics(&self) -> Result<String> {
        let api = Api::new(&format!("http://127.0.0.1:{}", self.port))?;
        Ok(api.ask(reqwest::Method::GET, "/metrics", None).await?.1)
    }

    /// The log since the last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// The process id, while the collector runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The collector's name at the backend.
    #[must_use]
    pub fn name(&self) -> String {
        format!("collector-{}", self.port)
    }

    /// The default spool folder.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("collector.toml")
    }
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(known)), Value::Table(new)) => merge(known, new),
            (Some(Value::Array(known)), Value::Array(new)) if new.iter().all(Value::is_table) => known.extend(new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::merge;

    #[test]
    fn merged_lines_replace_keys_and_add_targets() {
        let mut config = toml::toml! {
            [collector]
            name = "one"
            flush = "1s"
            [[target]]
            name = "first"
        };
        let lines = toml::toml! {
            [collector]
            flush = "5s"
            [view.pg_stat_wal]
            interval = "1m"
            [[target]]
            name = "second"
        };
        merge(&mut config, lines);
        let expected = toml::toml! {
            [collector]
            name = "one"
            flush = "5s"
            [[target]]
            name = "first"
            [[target]]
            name = "second"
            [view.pg_stat_wal]
            interval = "1m"
        };
        assert_eq!(config, expected);
    }
}
