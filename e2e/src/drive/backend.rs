//! The backend as users run it: the built `pganalytics serve` on a temporary data folder.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::api::Api;
use crate::harm::network::Host;
use crate::machine::ports;
use crate::machine::process::{Process, Signal, Spec};
use crate::machine::programs::binary;
use crate::wait::{PATIENCE, until};

/// The name of the first admin, whom the first start creates.
pub const ADMIN: &str = "admin";
/// The admin's password in tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// How a backend differs from the default.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Flags after the default flags.
    pub arguments: Vec<String>,
    /// Variables beside those of the test process.
    pub environment: Vec<(String, String)>,
    /// The authority of the certificate, if the flags name one.
    pub authority: Option<PathBuf>,
    /// The host of a [`crate::harm::network`] that the backend runs on; by default loopback.
    pub host: Option<Host>,
    /// Another data folder, for instance on a small disk.
    pub data: Option<PathBuf>,
    /// Another program than the built one, for instance of an older version.
    pub program: Option<PathBuf>,
}

impl Settings {
    /// These flags, everything else by default.
    #[must_use]
    pub fn flags(flags: &[&str]) -> Self {
        Self { arguments: flags.iter().map(|flag| (*flag).to_owned()).collect(), ..Self::default() }
    }

    fn address(&self) -> Ipv4Addr {
        self.host.as_ref().map_or(Ipv4Addr::LOCALHOST, |host| host.address)
    }
}

/// A running or stopped backend. Its [`Api`] is logged in as admin.
#[derive(Debug)]
pub struct Backend {
    pub api: Api,
    pub port: u16,
    // Fields are dropped in order: the process ends before its folder goes.
    process: Option<Process>,
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Backend {
    /// Starts a backend with an empty history.
    ///
    /// # Errors
    /// If the backend does not become ready; the error has the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(Settings::default()).await
    }

    /// Starts a backend with other settings.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_with(settings: Settings) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-backend-").tempdir().context("create a temporary folder")?;
        let port = ports::free()?;
        let address = settings.address();
        let api = match &settings.authority {
            Some(authority) => Api::trusting(&format!("https://{address}:{port}"), authority)?,
            None => Api::new(&format!("http://{address}:{port}"))?,
        };
        let mut backend = Self { api, port, process: None, folder, settings };
        backend.run().await?;
        backend.api.log_in(ADMIN, PASSWORD).await?;
        Ok(backend)
    }

    /// Starts the backend again after [`Self::kill`] or [`Self::stop`]. The admin stays logged in.
    ///
    /// # Errors
    /// If the backend does not become ready.
    pub async fn run(&mut self) -> Result<()> {
        let program = self.settings.program.clone().map_or_else(|| binary("pganalytics"), Ok)?;
        let mut spec = Spec::new(&program, &self.folder.path().join("backend.log"))
            .arguments(["serve".to_owned(), "--listen".to_owned(), self.address().to_string()])
            .arguments(["--data".into(), self.data()])
            .arguments(&self.settings.arguments)
            .environment("PGANALYTICS_ADMIN_PASSWORD", PASSWORD);
        for (name, value) in &self.settings.environment {
            spec = spec.environment(name, value);
        }
        if let Some(host) = &self.settings.host {
            spec.namespace = Some(host.namespace.clone());
        }
        let mut process = spec.spawn()?;
        let url = ready_url(&mut process, "pganalytics ready ").await?;
        if url != self.api.url {
            bail!("the backend's ready line names {url}, not {}", self.api.url);
        }
        self.process = Some(process);
        Ok(())
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Sends SIGTERM and returns at once, while the backend drains. [`Self::stop`] waits for the end.
    ///
    /// # Errors
    /// If the backend does not run.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends SIGTERM, unless the backend has ended already, and waits for the end.
    ///
    /// # Errors
    /// If the backend does not end.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Stops all threads of the backend (SIGSTOP) until [`Self::thaw`].
    ///
    /// # Errors
    /// If the backend does not run.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// # Errors
    /// If the backend does not run.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.process.as_ref().context("the backend does not run")?.signal(signal)
    }

    /// A new shared token for collectors.
    ///
    /// # Errors
    /// If the backend refuses.
    pub async fn collector_token(&self, name: &str) -> Result<String> {
        self.api.collector_token(name).await
    }

    /// The process id, while the backend runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.settings.data.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// The address that the backend listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.settings.address(), self.port).into()
    }

    /// Sets the program for the next [`Self::run`]: the built one, if `program` is none.
    pub fn set_program(&mut self, program: Option<PathBuf>) {
        self.settings.program = program;
    }

    /// The log since the last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }
}

/// Waits for the line that says where a process listens, `… url=http://… …`.
///
/// # Errors
/// If the process ends, or the line does not come.
pub async fn ready_url(process: &mut Process, prefix: &str) -> Result<String> {
    until(&format!("the line '{prefix}'"), PATIENCE, async || {
        process.still_running()?;
        let output = process.output();
        let line = output.lines().find_map(|line| line.strip_prefix(prefix));
        let url = line.and_then(|line| line.split_whitespace().find_map(|word| word.strip_prefix("url=")));
        Ok(url.map(ToOwned::to_owned))
    })
    .await
}
