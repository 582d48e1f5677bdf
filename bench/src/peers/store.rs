//! The peers' programs, and the stores among them: started on loopback with their own folder, fed by remote write, asked in PromQL.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use e2e::machine::process::{Process, Spec};
use e2e::machine::{meter, ports};
use e2e::wait::{PATIENCE, until};
use serde_json::Value;

/// An installed program.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

/// Finds a program in the folder of `bench/peers.sh`, or on the PATH.
///
/// # Errors
/// If the program is in neither.
pub(crate) fn find(names: &[&str]) -> Result<Program> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    let ours =
        std::env::var_os("PGANALYTICS_BENCH_PEERS").map(PathBuf::from).or_else(|| cache.map(|cache| cache.join("pganalytics-bench/bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ours.into_iter().chain(std::env::split_paths(&path)).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    let path =
        found.into_iter().find(|path| path.is_file()).with_context(|| format!("{} is not installed: run bench/peers.sh", names[0]))?;
    let version = version(&path)?;
    Ok(Program { path, version })
}

/// The version that `peers.sh` recorded, or that the program prints.
fn version(program: &Path) -> Result<String> {
    if let Ok(version) = std::fs::read_to_string(program.with_extension("version")) {
        return Ok(version.trim().trim_start_matches('v').to_owned());
    }
    let output = std::process::Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("ask {} for its version", program.display()))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let numbers =
        said.split_whitespace().map(|word| word.trim_start_matches('v')).find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    Ok(numbers.unwrap_or("of unknown version").to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    VictoriaMetrics,
    Prometheus,
}

/// A running store of time series.
pub(crate) struct Store {
    pub(crate) kind: Kind,
    pub(crate) version: String,
    program: PathBuf,
    process: Process,
    url: String,
    client: reqwest::Client,
    data: PathBuf,
    folder: tempfile::TempDir,
}

impl Store {
    /// Starts the store.
    ///
    /// # Errors
    /// If the store is not installed or does not start.
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        let program = find(match kind {
            Kind::VictoriaMetrics => &["victoria-metrics"],
            Kind::Prometheus => &["prometheus"],
        })?;
        let folder = tempfile::Builder::new().prefix("pganalytics-bench-").tempdir().context("create a temporary folder")?;
        let data = folder.path().join("data");
        let (process, url) = run(kind, &program.path, &data, folder.path())?;
        let client = reqwest::Client::builder().no_proxy().build().context("make an HTTP client")?;
        let mut store = Self { kind, version: program.version, program: program.path, process, url, client, data, folder };
        store.ready().await?;
        Ok(store)
    }

    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::VictoriaMetrics => "VictoriaMetrics",
            Kind::Prometheus => "Prometheus",
        }
    }

    /// CPU seconds so far.
    ///
    /// # Errors
    /// If the process is gone.
    pub(crate) fn cpu(&self) -> Result<f64> {
        Ok(meter::cpu(self.process.id())?.own)
    }

    /// # Errors
    /// If the process is gone.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        Ok(meter::memory(self.process.id())?.1)
    }

    /// Ships one remote write request.
    ///
    /// # Errors
    /// If the store refuses the request.
    pub(crate) async fn write(&self, request: Vec<u8>) -> Result<()> {
        let answer = self
            .client
            .post(format!("{}/api/v1/write", self.url))
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .body(request)
            .send()
            .await
            .context("ship samples")?;
        let status = answer.status();
        if !status.is_success() {
            bail!("{} refused samples: {status} {}", self.name(), answer.text().await.unwrap_or_default());
        }
        Ok(())
    }

    /// Brings the data into the form that they have long after the day.
    ///
    /// # Errors
    /// If the store does not finish.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        match self.kind {
            Kind::VictoriaMetrics => {
                self.get("/internal/force_flush").await?;
                self.get("/internal/force_merge").await?;
                // The merge runs in the background. It is over when no merge is active and the folder no longer changes.
                let mut seen = (0, 0);
                let quiet = async || {
                    let metrics = self.get("/metrics").await?;
                    let merges = sum(&metrics, "vm_active_force_merges") + sum(&metrics, "vm_active_merges");
                    let bytes = meter::folder_bytes(&self.data)?;
                    seen = if merges == 0.0 && bytes == seen.1 { (seen.0 + 1, bytes) } else { (0, bytes) };
                    Ok((seen.0 >= 40).then_some(()))
                };
                until("VictoriaMetrics to merge its parts", Duration::from_secs(600), quiet).await
            }
            Kind::Prometheus => {
                // The snapshot writes the data in memory as a block. Compaction then continues from the snapshot.
                let answer = self.post("/api/v1/admin/tsdb/snapshot").await?;
                let name = answer["data"]["name"].as_str().context("the snapshot's name")?.to_owned();
                self.process.stop()?;
                self.data = self.data.join("snapshots").join(name);
                let (process, url) = run(self.kind, &self.program, &self.data, self.folder.path())?;
                (self.process, self.url) = (process, url);
                self.ready().await?;
                // Prometheus looks for blocks to compact every minute. Two looks without a compaction mean the end.
                let mut seen = (-1.0, 0.0);
                let quiet = async || {
                    let metrics = self.get("/metrics").await?;
                    let done = sum(&metrics, "prometheus_tsdb_compactions_total");
                    let looks = sum(&metrics, "prometheus_tsdb_compactions_triggered_total");
                    if done != seen.0 {
                        seen = (done, looks);
                    }
                    Ok((looks >= seen.1 + 2.0).then_some(()))
                };
                until("Prometheus to compact its blocks", Duration::from_secs(900), quiet).await
            }
        }
    }

    /// The bytes of samples and index, without write-ahead logs and caches.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn bytes(&self) -> Result<u64> {
        match self.kind {
            Kind::VictoriaMetrics => {
                // Older versions keep the index beside the data, newer versions inside.
                let index = self.data.join("indexdb");
                let beside = if index.exists() { meter::folder_bytes(&index)? } else { 0 };
                Ok(meter::folder_bytes(&self.data.join("data"))? + beside)
            }
            Kind::Prometheus => {
                let mut bytes = 0;
                for entry in std::fs::read_dir(&self.data).with_context(|| format!("read {}", self.data.display()))? {
                    let path = entry.context("read a folder")?.path();
                    if path.join("meta.json").is_file() {
                        bytes += meter::folder_bytes(&path)?;
                    }
                }
                Ok(bytes)
            }
        }
    }

    /// The time until the answer, and the values of an expression at a moment by the label `queryid`.
    ///
    /// # Errors
    /// If the query fails.
    pub(crate) async fn query(&self, expression: &str, at: u64) -> Result<(Duration, Vec<(i64, f64)>)> {
        let url = format!("{}/api/v1/query", self.url);
        let (took, answer) = self.ask(&url, &[("query", expression), ("time", &at.to_string()), ("nocache", "1")]).await?;
        let rows = answer["data"]["result"].as_array().context("rows in the answer")?;
        let row = |row: &Value| {
            let id = row["metric"]["queryid"].as_str()?.parse().ok()?;
            Some((id, row["value"][1].as_str()?.parse().ok()?))
        };
        Ok((took, rows.iter().map(row).collect::<Option<_>>().context("a queryid and a value in each row")?))
    }

    /// Asks for all values of the matching series, a minute apart. Returns the time until the answer, and the number of values.
    ///
    /// # Errors
    /// If the query fails.
    pub(crate) async fn range(&self, selector: &str, from: u64, to: u64) -> Result<(Duration, usize)> {
        let url = format!("{}/api/v1/query_range", self.url);
        let (from, to) = (from.to_string(), to.to_string());
        let parameters = [("query", selector), ("start", &from), ("end", &to), ("step", "60"), ("nocache", "1")];
        let (took, answer) = self.ask(&url, &parameters).await?;
        let rows = answer["data"]["result"].as_array().context("series in the answer")?;
        Ok((took, rows.iter().filter_map(|row| row["values"].as_array()).map(Vec::len).sum()))
    }

    async fn ask(&self, url: &str, parameters: &[(&str, &str)]) -> Result<(Duration, Value)> {
        let url = reqwest::Url::parse_with_params(url, parameters).context("make a URL")?;
        let start = Instant::now();
        let answer = self.client.get(url).send().await.context("ask")?;
        let status = answer.status();
        let body = answer.bytes().await.context("read the answer")?;
        let took = start.elapsed();
        if !status.is_success() {
            bail!("{} refused a query: {status} {}", self.name(), String::from_utf8_lossy(&body));
        }
        Ok((took, serde_json::from_slice(&body).context("parse the answer")?))
    }

    async fn ready(&mut self) -> Result<()> {
        let path = match self.kind {
            Kind::VictoriaMetrics => "/health",
            Kind::Prometheus => "/-/ready",
        };
        let what = format!("{} to be ready", self.name());
        let (client, url) = (self.client.clone(), format!("{}{path}", self.url));
        let process = &mut self.process;
        let ready = async || {
            process.still_running()?;
            client.get(&url).send().await?.error_for_status()?;
            Ok(Some(()))
        };
        until(&what, PATIENCE, ready).await
    }

    async fn get(&self, path: &str) -> Result<String> {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.with_context(|| format!("get {path}"))?;
        answer.error_for_status().with_context(|| format!("get {path}"))?.text().await.with_context(|| format!("get {path}"))
    }

    async fn post(&self, path: &str) -> Result<Value> {
        let answer = self.client.post(format!("{}{path}", self.url)).send().await.with_context(|| format!("post {path}"))?;
        answer.error_for_status().with_context(|| format!("post {path}"))?.json().await.with_context(|| format!("post {path}"))
    }
}

fn run(kind: Kind, program: &Path, data: &Path, folder: &Path) -> Result<(Process, String)> {
    let listen = format!("127.0.0.1:{}", ports::free()?);
    // Keeps ten years: the fed day may lie in the past.
    let arguments = match kind {
        Kind::VictoriaMetrics => vec![
            format!("-storageDataPath={}", data.display()),
            format!("-httpListenAddr={listen}"),
            "-retentionPeriod=10y".into(),
            "-loggerLevel=WARN".into(),
        ],
        Kind::Prometheus => {
            let config = folder.join("prometheus.yml");
            std::fs::write(&config, "global: {}\n").with_context(|| format!("write {}", config.display()))?;
            vec![
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", data.display()),
                format!("--web.listen-address={listen}"),
                "--web.enable-remote-write-receiver".into(),
                "--web.enable-admin-api".into(),
                "--storage.tsdb.retention.time=10y".into(),
                "--log.level=warn".into(),
            ]
        }
    };
    let process = Spec::new(program, &folder.join("peer.log")).arguments(arguments).spawn()?;
    Ok((process, format!("http://{listen}")))
}

/// The sum of a metric over its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let samples = metrics.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.starts_with(['{', ' ']));
    samples.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
