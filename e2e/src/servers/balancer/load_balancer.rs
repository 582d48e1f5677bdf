//! A running load balancer: HAProxy or nginx with the file of `deploy/`, on free loopback ports with a certificate made for the test. The test
//! changes only the parameters of the file.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};

use super::parameters::{BACKENDS, Inner, Parameters};
use super::{haproxy, nginx};
use crate::api::Api;
use crate::machine::certificate::Certificate;
use crate::machine::files::give_away;
use crate::machine::ports;
use crate::machine::process::Process;
use crate::wait::{PATIENCE, until};

/// The program that balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    Haproxy,
    Nginx,
}

/// A running load balancer.
#[derive(Debug)]
pub struct Balancer {
    pub http: u16,
    pub https: u16,
    /// Trusts the balancer's certificate; not logged in.
    pub api: Api,
    pub certificate: Certificate,
    // Fields are dropped in order: the process ends before its folder goes.
    process: Process,
    _folder: tempfile::TempDir,
}

impl Balancer {
    /// Starts a balancer in front of these ports of 127.0.0.1. The backends need not run yet.
    ///
    /// # Errors
    /// If the program is missing, or accepts no connections; the error has its output.
    pub async fn start(software: Software, backends: [u16; BACKENDS]) -> Result<Self> {
        Self::before(software, on_loopback(backends)).await
    }

    /// Starts a balancer in front of these addresses.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn before(software: Software, backends: [SocketAddr; BACKENDS]) -> Result<Self> {
        Self::run(software, backends, None).await
    }

    /// Starts a balancer in front of backends that speak TLS on these ports of 127.0.0.1, with the lines of the file for that.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn encrypted(software: Software, backends: [u16; BACKENDS], inner: Inner<'_>) -> Result<Self> {
        Self::run(software, on_loopback(backends), Some(inner)).await
    }

    async fn run(software: Software, backends: [SocketAddr; BACKENDS], inner: Option<Inner<'_>>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-balancer-").tempdir().context("create a temporary folder")?;
        give_away(folder.path())?;
        let certificate = Certificate::make(folder.path())?;
        let (http, https) = (ports::free()?, ports::free()?);
        // A copy: the balancer runs as another user.
        let authority = folder.path().join("backends.crt");
        if let Some(Inner { authority: from, .. }) = inner {
            std::fs::copy(from, &authority).with_context(|| format!("copy {}", from.display()))?;
            give_away(&authority)?;
        }
        let inner = inner.map(|inner| Inner { authority: &authority, ..inner });
        let parameters = Parameters { folder: folder.path(), certificate: &certificate, http, https, backends, inner };
        let mut spec = match software {
            Software::Haproxy => haproxy::spec(&parameters)?,
            Software::Nginx => nginx::spec(&parameters)?,
        };
        spec.unprivileged = true;
        let mut process = spec.spawn()?;
        let listening = async || {
            process.still_running()?;
            for port in [http, https] {
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.context("connect")?;
            }
            Ok(Some(()))
        };
        until(&format!("{software:?} to listen"), PATIENCE, listening).await?;
        let api = Api::trusting(&format!("https://127.0.0.1:{https}"), &certificate.authority)?;
        Ok(Self { http, https, api, certificate, process, _folder: folder })
    }

    /// The log of requests and errors.
    #[must_use]
    pub fn log(&self) -> String {
        format!("{}{}", self.process.output(), self.process.log())
    }
}

fn on_loopback(ports: [u16; BACKENDS]) -> [SocketAddr; BACKENDS] {
    ports.map(|port| (Ipv4Addr::LOCALHOST, port).into())
}
