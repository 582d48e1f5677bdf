//! The backend under test: a new backend, or a running one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Args;
use e2e::api::Api;
use e2e::drive::{ADMIN, Backend, Settings};
use e2e::fleet::ledger::{History, Ledger};
use e2e::fleet::{Endpoint, Fleet, Shape, Token};
use e2e::machine::meter;
use reqwest::Method;

/// The backend under test.
#[derive(Args, Debug, Clone)]
pub(crate) struct Target {
    /// A running backend or load balancer; several are used in turn. Without a URL, the `pganalytics serve` beside this program is started on an empty folder
    /// (E2E_PGANALYTICS names another binary)
    #[arg(long, value_name = "URL")]
    url: Vec<String>,
    /// The file with the admin's password
    #[arg(long, value_name = "FILE", requires = "url")]
    password_file: Option<PathBuf>,
    /// PEM of the authority that signed the backend's certificate
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// The backend's process id, for CPU and memory
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// A flag for the backend that is started, as in --serve=--compact-every=30s
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true, conflicts_with = "url")]
    pub(crate) serve: Vec<String>,
}

/// The size of the fleet.
#[derive(Args, Debug, Clone)]
pub(crate) struct Size {
    /// Statements of each server; 39 % are active in a minute
    #[arg(long, default_value_t = 500)]
    pub(crate) statements: u32,
    /// Tables of each server; each has two indexes
    #[arg(long, default_value_t = 40)]
    pub(crate) tables: u32,
    /// Servers of each collector
    #[arg(long, default_value_t = 10)]
    pub(crate) each: u32,
    /// The seed: another number makes another fleet
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl Size {
    /// A fleet of this many servers, whose time began this long ago.
    pub(crate) fn shape(&self, servers: u32, backlog: Duration) -> Result<Shape> {
        let each = self.each.clamp(1, servers.max(1));
        let shape = Shape {
            collectors: servers.div_ceil(each),
            servers: each,
            statements: self.statements,
            tables: self.tables,
            ..Shape::new(self.seed, servers, now_us()?)
        };
        let shape = shape.with_backlog(backlog);
        shape.check()?;
        Ok(shape)
    }
}

/// A backend, logged in.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) endpoint: Endpoint,
    pub(crate) pid: Option<u32>,
    // Fields are dropped in order: the ledger's folder last.
    pub(crate) backend: Option<Backend>,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start(target: &Target) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-fleet-").tempdir().context("create a temporary folder")?;
        let (backend, api, urls) = if target.url.is_empty() {
            let flags: Vec<&str> = target.serve.iter().map(String::as_str).collect();
            let backend = Backend::start_with(Settings::flags(&flags)).await.context("start the backend")?;
            let api = backend.api.clone();
            let urls = vec![api.url.clone()];
            (Some(backend), api, urls)
        } else {
            let first = target.url.first().context("a URL")?;
            let mut api = match &target.ca {
                Some(authority) => Api::trusting(first, authority)?,
                None => Api::new(first)?,
            };
            let file = target.password_file.as_ref().context("give the admin's password with --password-file")?;
            let password = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
            api.log_in(ADMIN, password.trim()).await?;
            (None, api, target.url.clone())
        };
        // The token's name is unique, also in a backend that has had fleets before.
        let token = Token(api.collector_token(&format!("fleet-{}", now_us()?)).await?);
        let pid = backend.as_ref().and_then(Backend::process).or(target.pid);
        Ok(Self { api, endpoint: Endpoint { urls, token, ca: target.ca.clone() }, pid, backend, folder })
    }

    /// Starts a fleet with a new ledger.
    pub(crate) fn fleet(&self, shape: &Shape) -> Result<(Fleet, PathBuf)> {
        let path = self.folder.path().join(format!("{}.ledger", shape.origin_us));
        let ledger = Ledger::create(&path, shape)?;
        Ok((Fleet::start(self.endpoint.clone(), ledger, &History::read(&path)?)?, path))
    }

    /// CPU seconds of the backend, if its process is known.
    pub(crate) fn cpu(&self) -> Result<f64> {
        self.pid.map_or(Ok(f64::NAN), |pid| Ok(meter::cpu(pid)?.own))
    }

    /// Resident memory of the backend and its peak, bytes.
    pub(crate) fn memory(&self) -> Result<(f64, f64)> {
        self.pid.map_or(Ok((f64::NAN, f64::NAN)), meter::memory)
    }

    /// Bytes of the data folder of a backend that this program started.
    pub(crate) fn disk(&self) -> Result<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        self.backend.as_ref().map_or(Ok(f64::NAN), |backend| Ok(meter::folder_bytes(&backend.data())? as f64))
    }

    /// The backend's metrics, each summed over its labels.
    pub(crate) async fn metrics(&self) -> Result<Figures> {
        let (status, text) = self.api.ask(Method::GET, "/metrics", None).await?;
        ensure!(status.is_success(), "/metrics answered {status}: {text}");
        let mut figures = BTreeMap::<String, f64>::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let name = name.split('{').next().unwrap_or(name).to_owned();
            *figures.entry(name).or_default() += value.parse::<f64>().unwrap_or(0.0);
        }
        Ok(Figures(figures))
    }
}

/// The backend's metrics.
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    fn get(&self, name: &str) -> Result<f64> {
        self.0.get(name).copied().with_context(|| format!("the backend has no metric {name}"))
    }

    pub(crate) fn hot_rows(&self) -> Result<f64> {
        self.get("pganalytics_lake_hot_rows")
    }

    pub(crate) fn hot_bytes(&self) -> Result<f64> {
        self.get("pganalytics_lake_hot_bytes")
    }

    pub(crate) fn files(&self) -> Result<f64> {
        self.get("pganalytics_lake_files")
    }
}

/// CPU seconds of this process, the simulator.
pub(crate) fn own_cpu() -> Result<f64> {
    Ok(meter::cpu(std::process::id())?.own)
}

pub(crate) fn now_us() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock shows a time before 1970")?;
    i64::try_from(since.as_micros()).context("the clock")
}

pub(crate) fn cores() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a machine's cores")]
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}
