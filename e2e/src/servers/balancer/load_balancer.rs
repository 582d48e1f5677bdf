//! A load balancer in front of backends: HAProxy or nginx with the file of `deploy/` that users get, only its parameters changed,
//! on free loopback ports with a certificate made on the spot.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{haproxy, nginx};
use crate::drive::backend::Api;
use crate::machine::certificate::Certificate;
use crate::machine::ports;
use crate::machine::process::Process;
use crate::servers::postgres::installation::{e2e_folder, give_away};
use crate::wait::{PATIENCE, until};

/// Both files are written for so many.
pub const BACKENDS: usize = 3;

/// Which program balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    Haproxy,
    Nginx,
}

/// What a load balancer's file is told.
#[derive(Debug)]
pub(crate) struct Parameters<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) certificate: &'a Certificate,
    pub(crate) http: u16,
    pub(crate) https: u16,
    pub(crate) backends: [SocketAddr; BACKENDS],
    /// Where the way to the backends is encrypted.
    pub(crate) inner: Option<Inner<'a>>,
}

/// Whom a balancer trusts to be a backend.
#[derive(Debug, Clone, Copy)]
pub struct Inner<'a> {
    /// Who signed the backends' certificates.
    pub authority: &'a Path,
    /// The name in them.
    pub name: &'a str,
}

/// A running one.
#[derive(Debug)]
pub struct Balancer {
    pub http: u16,
    pub https: u16,
    /// Trusts the certificate; not logged in.
    pub api: Api,
    pub certificate: Certificate,
    // Before the folder: the process must be gone when the folder goes.
    process: Process,
    _folder: tempfile::TempDir,
}

impl Balancer {
    /// In front of these ports of 127.0.0.1; whether anybody listens there already is all one to it.
    ///
    /// # Errors
    /// When the program is missing or does not take connections, with what it said.
    pub async fn start(software: Software, backends: [u16; BACKENDS]) -> Result<Self> {
        Self::before(software, backends.map(|port| (Ipv4Addr::LOCALHOST, port).into())).await
    }

    /// In front of these addresses.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn before(software: Software, backends: [SocketAddr; BACKENDS]) -> Result<Self> {
        Self::run(software, backends, None).await
    }

    /// In front of backends on these ports of 127.0.0.1 that speak TLS: with the lines of the file that are there for that.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn encrypted(software: Software, backends: [u16; BACKENDS], inner: Inner<'_>) -> Result<Self> {
        Self::run(software, backends.map(|port| (Ipv4Addr::LOCALHOST, port).into()), Some(inner)).await
    }

    async fn run(software: Software, backends: [SocketAddr; BACKENDS], inner: Option<Inner<'_>>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-balancer-").tempdir().context("create a temporary folder")?;
        give_away(folder.path())?;
        let certificate = Certificate::make(folder.path())?;
        let (http, https) = (ports::free()?, ports::free()?);
        // A copy: the balancer is another user than we are.
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

    /// Its log of requests and errors.
    #[must_use]
    pub fn log(&self) -> String {
        format!("{}{}", self.process.output(), self.process.log())
    }
}

/// A file of `deploy/`.
pub(crate) fn deployed(name: &str) -> Result<PathBuf> {
    Ok(e2e_folder().parent().context("the workspace's folder")?.join("deploy").join(name))
}

/// A server's program, also where Debian keeps it for root alone.
///
/// # Errors
/// When it is not installed.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not installed: run scripts/install/balancers.sh"))
}

/// Replaces a parameter that must stand in the file.
pub(crate) fn adapt(text: &str, line: &str, adapted: &str) -> Result<String> {
    ensure!(text.contains(line), "the file has no parameter '{line}' any more: change it in the tests too");
    Ok(text.replace(line, adapted))
}
