//! The collector as its users run it: the built `pganalytics-collector` with a configuration file, its spool in a temporary
//! folder. The views are read every second, so that a test sees several rounds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use pganalytics_views::ViewSet;

use crate::drive::backend::{Api, Backend};
use crate::machine::ports;
use crate::machine::process::{Process, Spec};
use crate::servers::postgres::installation::binary;

/// A collector that ships to a [`Backend`].
#[derive(Debug)]
pub struct Collector {
    /// Where it serves /metrics.
    pub port: u16,
    /// Variables of its next [`Self::run`].
    pub environment: Vec<(String, String)>,
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl Collector {
    /// Reads these targets, `(name, conninfo)`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(backend: &Backend, targets: &[(&str, String)]) -> Result<Self> {
        let mut collector = Self::prepare(backend, targets).await?;
        collector.run()?;
        Ok(collector)
    }

    /// Everything but starting it.
    ///
    /// # Errors
    /// When the backend gives no token or the file cannot be written.
    pub async fn prepare(backend: &Backend, targets: &[(&str, String)]) -> Result<Self> {
        Self::prepare_for(&backend.api, None, targets).await
    }

    /// Ships to whatever an API's URL names, a load balancer for instance; over HTTPS it trusts this authority too.
    ///
    /// # Errors
    /// See [`Self::prepare`].
    pub async fn prepare_for(api: &Api, authority: Option<&Path>, targets: &[(&str, String)]) -> Result<Self> {
        let token = api.collector_token(&format!("collector {}", uuid::Uuid::new_v4())).await?;
        let authority = authority.map_or_else(String::new, |authority| format!("ca_file = {authority:?}\n"));
        Self::prepare_with(&api.url, &format!("token = {token:?}\n{authority}"), targets)
    }

    /// Ships to a URL, with these lines of `[backend]` beside it.
    ///
    /// # Errors
    /// When the file cannot be written.
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

    /// Adds lines to its configuration, for its next start.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn configure(&self, lines: &str) -> Result<()> {
        let path = self.config();
        let whole = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))? + lines;
        std::fs::write(&path, whole).with_context(|| format!("write {}", path.display()))
    }

    /// What it says of itself at /metrics.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metrics(&self) -> Result<String> {
        let api = Api::new(&format!("http://127.0.0.1:{}", self.port))?;
        Ok(api.ask(reqwest::Method::GET, "/metrics", None).await?.1)
    }

    /// Starts it, again after [`Self::kill`] or [`Self::stop`] with the same spool.
    ///
    /// # Errors
    /// When it cannot be started.
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

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM: what was read is shipped.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().map(|_| ()),
            None => Ok(()),
        }
    }

    /// What the backend knows it as.
    #[must_use]
    pub fn name(&self) -> String {
        format!("collector-{}", self.port)
    }

    /// Its spool's folder.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// What `doctor` says of the same configuration.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn doctor(&self) -> Result<Output> {
        let mut command = Spec::new(&binary("pganalytics-collector")?, &self.folder.path().join("doctor.log"))
            .arguments(["doctor".into(), "--config".into(), self.config()])
            .command();
        command.stdin(Stdio::null()).output().context("run doctor")
    }

    /// What it wrote to its log since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Changes a word of its configuration, which must stand there, for its next [`Self::run`].
    ///
    /// # Errors
    /// When it does not, or the file cannot be written.
    pub fn reconfigure(&self, from: &str, to: &str) -> Result<()> {
        let path = self.config();
        let config = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        ensure!(config.contains(from), "'{from}' does not stand in {}", path.display());
        std::fs::write(&path, config.replace(from, to)).with_context(|| format!("write {}", path.display()))
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("collector.toml")
    }
}
