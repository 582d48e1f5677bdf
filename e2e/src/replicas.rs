//! Replicas: several backends that share a PostgreSQL as their meta store, as they do in production.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use bytes::Bytes;
use pganalytics_views::wire::{self, Header, Limits};
use pganalytics_views::{ViewSet, schema};
use reqwest::StatusCode;
use uuid::Uuid;

use crate::backend::{ADMIN, Api, ready_url};
use crate::install::binary;
use crate::ports;
use crate::postgres::Postgres;
use crate::process::{Process, Spec};
use crate::wait::{PATIENCE, until};

const PASSWORD: &str = "correct horse battery staple";
/// The view that shipped rows are of: few columns, of every kind.
const VIEW: &str = "pg_stat_archiver";

/// One backend of several.
#[derive(Debug)]
pub struct Replica {
    pub api: Api,
    pub port: u16,
    arguments: Vec<String>,
    // Before the folder: the process must be gone when the folder goes.
    process: Option<Process>,
    folder: tempfile::TempDir,
}

/// The meta store's URL on a server.
#[must_use]
pub fn database_url(postgres: &Postgres) -> String {
    format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", postgres.port)
}

/// Runs `pganalytics migrate`; its exit code and what it wrote.
///
/// # Errors
/// When it cannot be run.
pub async fn migrate(url: &str, arguments: &[&str]) -> Result<(i32, String)> {
    let mut command = tokio::process::Command::new(binary("pganalytics")?);
    command.args(["migrate", "--database-url", url]).args(arguments);
    let output = command.output().await.context("run pganalytics migrate")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
}

/// Brings a server to this version.
///
/// # Errors
/// When that fails; with what it said.
pub async fn migrated(postgres: &Postgres) -> Result<String> {
    let url = database_url(postgres);
    let (code, said) = migrate(&url, &[]).await?;
    if code != 0 {
        bail!("pganalytics migrate: {said}");
    }
    Ok(url)
}

impl Replica {
    /// A replica on a migrated store, logged in as admin.
    ///
    /// # Errors
    /// When it does not become ready; with the end of its log.
    pub async fn start(url: &str, store: &str, arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-replica-").tempdir().context("create a temporary folder")?;
        let port = ports::free()?;
        let arguments: Vec<String> =
            ["serve", "--database-url", url, "--store", store].iter().chain(arguments).map(ToString::to_string).collect();
        let api = Api::new(&format!("http://127.0.0.1:{port}"))?;
        let mut replica = Self { api, port, arguments, process: None, folder };
        replica.run().await?;
        replica.api.log_in(ADMIN, PASSWORD).await?;
        Ok(replica)
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`].
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn run(&mut self) -> Result<()> {
        let mut process = self.spec()?.spawn()?;
        ready_url(&mut process, "pganalytics ready ").await?;
        self.process = Some(process);
        Ok(())
    }

    /// Starts one that is expected to refuse; what it wrote.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn refused(url: &str, store: &str) -> Result<String> {
        let output = tokio::process::Command::new(binary("pganalytics")?)
            .args(["serve", "--database-url", url, "--store", store, "--listen", "127.0.0.1:0", "--data"])
            .arg(tempfile::tempdir().context("create a temporary folder")?.path())
            .output()
            .await
            .context("run pganalytics serve")?;
        if output.status.success() {
            bail!("it served");
        }
        Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    fn spec(&self) -> Result<Spec> {
        let data = self.folder.path().join("data").display().to_string();
        let listen = format!("127.0.0.1:{}", self.port);
        Ok(Spec::new(&binary("pganalytics")?, &self.folder.path().join("backend.log"))
            .arguments(self.arguments.iter().map(String::as_str).chain(["--data", &data, "--listen", &listen]))
            .environment("PGANALYTICS_ADMIN_PASSWORD", PASSWORD))
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Its log since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Whether it says that it holds the lease.
    #[must_use]
    pub fn holds_the_lease(&self) -> bool {
        let log = self.log();
        let last = |words: &str| log.rfind(words);
        match (last("holds the lease: "), last("holds the lease no more")) {
            (Some(held), Some(lost)) => held > lost,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// A collector that ships rows of its own making, each recognisable by its number.
#[derive(Debug)]
pub struct Hand {
    pub collector: Uuid,
    token: String,
    sequence: u64,
}

impl Hand {
    /// # Errors
    /// When the backend makes no token.
    pub async fn new(api: &Api, name: &str) -> Result<Self> {
        let body = serde_json::json!({"name": name, "kind": "collector"});
        let answer = api.request(reqwest::Method::POST, "/api/v1/tokens", Some(&body)).await?;
        let token = answer["token"].as_str().context("a token in the answer")?.to_owned();
        Ok(Self { collector: Uuid::new_v4(), token, sequence: 0 })
    }

    /// The next batch: one row, whose `archived_count` is its sequence.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn next(&mut self, ts_us: i64) -> Result<Bytes> {
        self.sequence += 1;
        let views = ViewSet::builtin().context("read the views")?;
        let schema = schema(views.get(VIEW).context("the view of the rows")?);
        let count = self.sequence.cast_signed();
        let columns = schema.fields().iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                "ts" => Arc::new(TimestampMicrosecondArray::from(vec![ts_us]).with_timezone("UTC")),
                "server" => Arc::new(StringArray::from(vec![self.collector.to_string()])),
                "interval_ms" | "archived_count" => Arc::new(Int64Array::from(vec![count])),
                _ => new_null_array(field.data_type(), 1),
            }
        });
        let columns = columns.collect();
        let rows = RecordBatch::try_new(schema, columns).context("make a row")?;
        let header = Header {
            collector: self.collector,
            collector_name: "hand".into(),
            sequence: self.sequence,
            created_us: ts_us,
            version: env!("CARGO_PKG_VERSION").into(),
            dropped_rows: 0,
            frames: Vec::new(),
        };
        Ok(wire::encode(header, &[(VIEW.to_owned(), rows)], &Limits::default()).context("encode a batch")?.into())
    }

    /// Ships a batch until it is acknowledged, as a collector does; how often it was not.
    ///
    /// # Errors
    /// When it never is.
    pub async fn ship_until_acknowledged(&self, api: &Api, batch: &Bytes) -> Result<u32> {
        let mut failures = 0;
        until("an acknowledgement", PATIENCE, async || {
            if self.ship(api, batch).await.is_some_and(|status| status.is_success()) {
                return Ok(Some(()));
            }
            failures += 1;
            Ok(None)
        })
        .await?;
        Ok(failures)
    }

    /// Ships a batch; the answer's status, or none.
    pub async fn ship(&self, api: &Api, batch: &Bytes) -> Option<StatusCode> {
        let request = api.client().post(format!("{}/api/v1/ingest", api.url)).bearer_auth(&self.token);
        let answer = request.header("content-type", wire::CONTENT_TYPE).body(batch.clone()).send().await.ok()?;
        Some(answer.status())
    }

    /// Batches made so far.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// How many rows there are, how many different ones, and the sum of their numbers.
pub const COUNTED: &str = "select count(*), count(distinct cast(server as varchar) || cast(archived_count as varchar)), coalesce(sum(archived_count), 0) from pg_stat_archiver";
