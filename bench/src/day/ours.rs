//! The backend as users run it: one process, a folder, HTTP. Fed with batches like a collector's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use chrono::{TimeDelta, Utc};
use e2e::api::shipment;
use e2e::machine::process::{Process, Spec};
use e2e::machine::{meter, ports, programs};
use e2e::wait::{PATIENCE, until};
use pganalytics_lake::{Lake, LakeOptions};
use pganalytics_views::wire::{self, Header, Limits};
use pganalytics_views::{View, ViewSet, schema};
use serde_json::{Value, json};
use uuid::Uuid;

use super::history::{CALLS, COLUMNS, History};

/// The server of the history.
pub(crate) const SERVER: &str = "db-1.example.com:5432";
const PASSWORD: &str = "bench-only-9b1f";
const INTERVAL_MS: i64 = 60_000;

pub(crate) struct Backend {
    process: Process,
    url: String,
    client: reqwest::Client,
    admin: String,
    token: String,
    views: ViewSet,
    collector: Uuid,
    sequence: u64,
    folder: tempfile::TempDir,
}

impl Backend {
    /// Starts the backend.
    ///
    /// # Errors
    /// If the backend is not built or does not start.
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-bench-").tempdir().context("create a temporary folder")?;
        let url = format!("http://127.0.0.1:{}", ports::free()?);
        let client = reqwest::Client::builder().no_proxy().build().context("make an HTTP client")?;
        let mut process = run(&folder, &url)?;
        ready(&mut process, &client, &url).await?;
        let views = ViewSet::builtin().context("read the views")?;
        let mut backend = Self {
            process,
            url,
            client,
            admin: String::new(),
            token: String::new(),
            views,
            collector: Uuid::new_v4(),
            sequence: 0,
            folder,
        };
        let login = backend.post("/api/v1/auth/login", &json!({ "username": "admin", "password": PASSWORD })).await?;
        backend.admin = login["token"].as_str().context("the session's token")?.to_owned();
        let token = backend.post("/api/v1/tokens", &json!({ "name": "bench", "kind": "collector" })).await?;
        backend.token = token["token"].as_str().context("the collector's token")?.to_owned();
        Ok(backend)
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

    /// The batch of a minute: the changed rows, as a collector ships them; the first batch has all texts.
    ///
    /// # Errors
    /// If the batch cannot be encoded.
    pub(crate) fn batch(&mut self, history: &History, ts_us: i64, with_texts: bool) -> Result<Vec<u8>> {
        self.sequence += 1;
        let view = |name: &str| self.views.get(name).cloned().with_context(|| format!("find the view {name}"));
        let mut frames = vec![("pg_stat_statements".to_owned(), statements(view("pg_stat_statements")?.as_ref(), history, ts_us)?)];
        if with_texts {
            frames.push(("pg_stat_statements_text".to_owned(), texts(view("pg_stat_statements_text")?.as_ref(), history, ts_us)?));
        }
        let header = Header {
            collector: self.collector,
            collector_name: "bench".into(),
            sequence: self.sequence,
            created_us: ts_us,
            version: env!("CARGO_PKG_VERSION").into(),
            dropped_rows: 0,
            status: None,
            frames: Vec::new(),
        };
        wire::encode(header, &frames, &Limits::default()).context("encode a batch")
    }

    /// Ships a batch. Returns when the batch is acknowledged, and so durable.
    ///
    /// # Errors
    /// If the batch is refused.
    pub(crate) async fn ingest(&self, batch: Vec<u8>) -> Result<()> {
        let answer = shipment(&self.client, &self.url, &self.token, batch.into()).send().await.context("ship a batch")?;
        let status = answer.status();
        if !status.is_success() {
            bail!("a batch was refused: {status} {}", answer.text().await.unwrap_or_default());
        }
        Ok(())
    }

    /// Runs SQL. Returns the time until the answer, and its rows.
    ///
    /// # Errors
    /// If the backend refuses.
    pub(crate) async fn sql(&self, query: &str, parameters: &BTreeMap<&str, Value>) -> Result<(Duration, Vec<Vec<Value>>)> {
        let body = json!({ "query": query, "format": "json", "parameters": parameters, "max_rows": 100_000 }).to_string();
        let start = Instant::now();
        let request = self.client.post(format!("{}/api/v1/sql", self.url)).bearer_auth(&self.admin);
        let answer = request.header("content-type", "application/json").body(body).send().await.context("ask")?;
        let status = answer.status();
        let body = answer.bytes().await.context("read the answer")?;
        let took = start.elapsed();
        if !status.is_success() {
            bail!("a query was refused: {status} {}", String::from_utf8_lossy(&body));
        }
        let mut answer: Value = serde_json::from_slice(&body).context("parse the answer")?;
        Ok((took, serde_json::from_value(answer["rows"].take()).context("rows in the answer")?))
    }

    /// Brings the history into the form that it has some hours after the day: all rows of a table in one file. The lake merges by the time of day, so this
    /// method stops the server and opens the lake with a later time. Returns the CPU seconds, with those of the server's shutdown.
    ///
    /// # Errors
    /// If the server does not stop or start again, the lake fails, or a day still has several files.
    pub(crate) async fn settle(&mut self) -> Result<f64> {
        let (running, before) = (self.cpu()?, meter::cpu(std::process::id())?);
        self.process.stop().context("stop pgAnalytics")?;
        let lake = Lake::open(LakeOptions::new(self.data(), self.views.clone())).await.context("open the lake")?;
        // Hot rows become a file first. Later, after the wait for late batches, the day's files become one.
        let later = Utc::now() + TimeDelta::days(1);
        for now in [later, later + TimeDelta::hours(3)] {
            lake.compact_at(now).await.context("compact the lake")?;
        }
        lake.remove_replaced(later + TimeDelta::days(1)).await.context("delete what was replaced")?;
        lake.close().await;
        drop(lake);
        let after = meter::cpu(std::process::id())?;
        one_file_a_day(&self.lake())?;
        self.process = run(&self.folder, &self.url)?;
        ready(&mut self.process, &self.client, &self.url).await?;
        Ok(after.own - before.own + after.ended_children - before.ended_children - running)
    }

    /// The folder of the history.
    #[must_use]
    pub(crate) fn lake(&self) -> PathBuf {
        self.folder.path().join("data/lake")
    }

    /// The bytes of rollups in the history.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn rollup_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for rollup in self.views.rollups() {
            let table = self.lake().join(format!("table={}", rollup.name));
            if table.exists() {
                bytes += meter::folder_bytes(&table)?;
            }
        }
        Ok(bytes)
    }

    /// The whole data folder.
    #[must_use]
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.admin).json(body);
        let answer = request.send().await.with_context(|| format!("post {path}"))?;
        let status = answer.status();
        let body = answer.text().await.with_context(|| format!("post {path}"))?;
        if !status.is_success() {
            bail!("{path} was refused: {status} {body}");
        }
        serde_json::from_str(&body).with_context(|| format!("parse the answer of {path}"))
    }
}

fn run(folder: &tempfile::TempDir, url: &str) -> Result<Process> {
    let data = folder.path().join("data").display().to_string();
    let listen = url.trim_start_matches("http://").to_owned();
    Spec::new(&programs::binary("pganalytics")?, &folder.path().join("backend.log"))
        .arguments(["serve".to_owned(), "--data".into(), data, "--listen".into(), listen])
        .environment("PGANALYTICS_ADMIN_PASSWORD", PASSWORD)
        .spawn()
}

/// Checks that each day of a table is one file: bytes and times of several files are not those of a merged day.
///
/// # Errors
/// If a day has several files.
fn one_file_a_day(lake: &Path) -> Result<()> {
    let entries = |folder: &Path| -> Result<Vec<PathBuf>> {
        let list = std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
        list.map(|entry| Ok(entry.with_context(|| format!("read {}", folder.display()))?.path())).collect()
    };
    for table in entries(lake)?.iter().filter(|path| path.is_dir()) {
        for day in entries(table)?.iter().filter(|path| path.is_dir()) {
            let files = entries(day)?.len();
            if files > 1 {
                bail!("{} was not merged: it has {files} files", day.display());
            }
        }
    }
    Ok(())
}

async fn ready(process: &mut Process, client: &reqwest::Client, url: &str) -> Result<()> {
    let ready = async || {
        process.still_running()?;
        client.get(format!("{url}/readyz")).send().await?.error_for_status()?;
        Ok(Some(()))
    };
    until("pgAnalytics to be ready", PATIENCE, ready).await
}

fn statements(view: &View, history: &History, ts_us: i64) -> Result<RecordBatch> {
    let active: Vec<usize> = (0..history.statements.len()).filter(|at| history.deltas[*at][CALLS] > 0).collect();
    let statement = |at: &usize| &history.statements[*at];
    let text = |value: fn(&super::history::Statement) -> &str| -> ArrayRef {
        let mut builder = StringBuilder::new();
        active.iter().for_each(|at| builder.append_value(value(statement(at))));
        Arc::new(builder.finish())
    };
    let schema = schema(view);
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "ts" => Arc::new(TimestampMicrosecondArray::from(vec![ts_us; active.len()]).with_timezone("UTC")),
            "server" => Arc::new(StringArray::from(vec![SERVER; active.len()])),
            "interval_ms" => Arc::new(Int64Array::from(vec![INTERVAL_MS; active.len()])),
            "datname" => text(|statement| statement.datname),
            "usename" => text(|statement| statement.usename),
            "queryid" => Arc::new(Int64Array::from_iter_values(active.iter().map(|at| statement(at).queryid))),
            "toplevel" => {
                let mut builder = BooleanBuilder::new();
                builder.append_n(active.len(), true);
                Arc::new(builder.finish())
            }
            name => match COLUMNS.iter().position(|column| column.name == name) {
                Some(column) => Arc::new(Int64Array::from_iter_values(active.iter().map(|at| history.deltas[*at][column]))),
                // Null, as from a server without the column: the peers have no series for it either.
                None => new_null_array(field.data_type(), active.len()),
            },
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).context("make the rows of pg_stat_statements")
}

fn texts(view: &View, history: &History, ts_us: i64) -> Result<RecordBatch> {
    let count = history.statements.len();
    let schema = schema(view);
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "ts" => Arc::new(TimestampMicrosecondArray::from(vec![ts_us; count]).with_timezone("UTC")),
            "server" => Arc::new(StringArray::from(vec![SERVER; count])),
            "queryid" => Arc::new(Int64Array::from_iter_values(history.statements.iter().map(|statement| statement.queryid))),
            "query" => Arc::new(StringArray::from_iter_values(history.statements.iter().map(|statement| &statement.text))),
            "query_bytes" => {
                let mut builder = Int64Builder::new();
                history.statements.iter().for_each(|statement| builder.append_value(statement.text.len() as i64));
                Arc::new(builder.finish())
            }
            "cut" => {
                let mut builder = BooleanBuilder::new();
                builder.append_n(count, false);
                Arc::new(builder.finish())
            }
            _ => new_null_array(field.data_type(), count),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).context("make the rows of pg_stat_statements_text")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::one_file_a_day;

    #[test]
    fn a_day_in_several_files_is_refused() {
        let lake = tempfile::tempdir().expect("a folder");
        let day = lake.path().join("table=pg_stat_statements/date=2026-11-24");
        fs::create_dir_all(&day).expect("a day");
        fs::write(day.join("1.parquet"), "").expect("a file");
        one_file_a_day(lake.path()).expect("one file");
        fs::write(day.join("2.parquet"), "").expect("a file");
        let error = one_file_a_day(lake.path()).expect_err("two files").to_string();
        assert!(error.contains("date=2026-11-24 was not merged"), "{error}");
    }
}
