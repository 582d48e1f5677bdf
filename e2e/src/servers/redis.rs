//! A Redis server in a temporary folder on a free loopback port. It keeps nothing on disk, as a cache. Dropping the value ends the server.

use std::ffi::OsString;

use anyhow::{Context, Result};

use crate::machine::certificate::Certificate;
use crate::machine::ports;
use crate::machine::process::{Process, Spec};
use crate::machine::programs::installed;
use crate::wait::{PATIENCE, until};

/// A running or stopped server.
#[derive(Debug)]
pub struct Redis {
    pub port: u16,
    scheme: &'static str,
    arguments: Vec<OsString>,
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Errors
    /// If Redis is not installed or does not answer.
    pub async fn start() -> Result<Self> {
        let port = ports::free()?;
        Self::start_with("redis", port, vec!["--port".into(), port.to_string().into()]).await
    }

    /// Starts a server that speaks only TLS and needs a password.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_with_tls(certificate: &Certificate, password: &str) -> Result<Self> {
        let port = ports::free()?;
        let port_text = port.to_string();
        let words = ["--port", "0", "--tls-port", &port_text, "--tls-auth-clients", "no", "--requirepass", password];
        let files = [
            ("--tls-cert-file", &certificate.certificate),
            ("--tls-key-file", &certificate.key),
            ("--tls-ca-cert-file", &certificate.authority),
        ];
        let files = files.into_iter().flat_map(|(flag, file)| [OsString::from(flag), file.clone().into()]);
        Self::start_with("rediss", port, words.into_iter().map(OsString::from).chain(files).collect()).await
    }

    async fn start_with(scheme: &'static str, port: u16, arguments: Vec<OsString>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-redis-").tempdir().context("create a temporary folder")?;
        let mut redis = Self { port, scheme, arguments, process: None, folder };
        redis.run().await?;
        Ok(redis)
    }

    /// Starts the server again after [`Self::kill`] or [`Self::stop`], empty, on the same port.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn run(&mut self) -> Result<()> {
        let spec = Spec::new(&installed("redis-server")?, &self.folder.path().join("redis.log"))
            .arguments(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arguments(["--dir".into(), self.folder.path().as_os_str().to_owned()])
            .arguments(self.arguments.clone());
        let mut process = spec.spawn()?;
        let answers = async || {
            process.still_running()?;
            Ok(process.output().contains("Ready to accept connections").then_some(()))
        };
        until("Redis to answer", PATIENCE, answers).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// If the server does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.stop().map(|_| ()))
    }

    /// The URL for a backend.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }
}
