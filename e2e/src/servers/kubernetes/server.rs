//! A real Kubernetes API: etcd and kube-apiserver on free loopback ports and a temporary folder. There is no node and no controller: the test writes
//! the pods and their status, and gives them loopback addresses at which real servers listen. Dropping the value ends both programs.
//!
//! `scripts/cluster/programs.sh` builds the programs once. `PGANALYTICS_KUBERNETES_PROGRAMS` names another folder with the programs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Method, StatusCode};

use crate::api::Api;
use crate::machine::certificate::Certificate;
use crate::machine::ports;
use crate::machine::process::{Process, Spec, run};
use crate::machine::programs::script_with;
use crate::wait::{PATIENCE, until};

/// The token of an administrator.
const ADMIN: &str = "admin-of-this-test";

/// A running or stopped API.
#[derive(Debug)]
pub struct Kubernetes {
    pub port: u16,
    /// Logged in as an administrator.
    pub api: Api,
    pub certificate: Certificate,
    etcd_port: u16,
    // Fields are dropped in order: the API server, then etcd, then their folder.
    server: Option<Process>,
    etcd: Process,
    folder: tempfile::TempDir,
}

impl Kubernetes {
    /// Starts an empty API.
    ///
    /// # Errors
    /// If etcd or the API server does not start; the error has the end of the log.
    pub async fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("pganalytics-kubernetes-").tempdir().context("create a temporary folder")?;
        let certificate = Certificate::make(folder.path())?;
        let key = folder.path().join("accounts.key");
        run(Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048")).context("make a key for ServiceAccounts")?;
        std::fs::write(folder.path().join("tokens.csv"), format!("{ADMIN},admin,1,\"system:masters\"\n"))
            .context("write the admin's token")?;
        let (etcd_port, peers, port) = (ports::free()?, ports::free()?, ports::free()?);
        let (clients, peers) = (format!("http://127.0.0.1:{etcd_port}"), format!("http://127.0.0.1:{peers}"));
        let data = folder.path().join("etcd");
        let etcd = Spec::new(&programs.join("etcd"), &folder.path().join("etcd.log"))
            .arguments(["--unsafe-no-fsync", "--log-level", "warn", "--name", "one", "--data-dir"])
            .arguments([&data])
            .arguments(["--listen-client-urls", &clients, "--advertise-client-urls", &clients, "--listen-peer-urls", &peers])
            .arguments(["--initial-advertise-peer-urls", &peers, "--initial-cluster", &format!("one={peers}")])
            .spawn()?;
        let mut api = Api::trusting(&format!("https://127.0.0.1:{port}"), &certificate.authority)?;
        api.token = Some(ADMIN.into());
        let mut kubernetes = Self { port, api, certificate, etcd_port, server: None, etcd, folder };
        kubernetes.run().await?;
        Ok(kubernetes)
    }

    /// Starts the API server again after [`Self::kill`], with the same objects.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn run(&mut self) -> Result<()> {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let file = |path: &Path| path.display().to_string();
        let mut server = Spec::new(&programs()?.join("kube-apiserver"), &self.folder.path().join("apiserver.log"))
            .arguments([
                format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
                format!("--secure-port={}", self.port),
                format!("--tls-cert-file={}", file(&self.certificate.certificate)),
                format!("--tls-private-key-file={}", file(&self.certificate.key)),
                format!("--token-auth-file={}", at("tokens.csv")),
                format!("--service-account-key-file={}", at("accounts.key")),
                format!("--service-account-signing-key-file={}", at("accounts.key")),
                format!("--cert-dir={}", at("certificates")),
            ])
            .arguments([
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.96.0.0/24",
                "--authorization-mode=RBAC",
                // This plugin needs a controller that makes each namespace's default account.
                "--disable-admission-plugins=ServiceAccount",
            ])
            .spawn()?;
        let api = &self.api;
        let etcd = &mut self.etcd;
        let answers = async || {
            etcd.still_running()?;
            server.still_running()?;
            let (status, body) = api.ask(Method::GET, "/readyz", None).await?;
            ensure!(status == StatusCode::OK, "/readyz answered {status}: {body}");
            Ok(Some(()))
        };
        if let Err(error) = until("the Kubernetes API to be ready", PATIENCE, answers).await {
            bail!("{error:#}\n{}", server.log().lines().rev().take(30).collect::<Vec<_>>().join("\n"));
        }
        self.server = Some(server);
        Ok(())
    }

    /// Sends SIGKILL to the API server; etcd goes on.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// The temporary folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The folder of the programs.
fn programs() -> Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOLDER.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    found.clone().map_err(anyhow::Error::msg)
}

fn find() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("PGANALYTICS_KUBERNETES_PROGRAMS").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    script_with("cluster/programs.sh", &["kubernetes", "etcd"])
}
