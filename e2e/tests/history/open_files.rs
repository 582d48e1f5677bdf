//! DuckDB and Spark read the lake's Parquet files, and find the same sums as `/api/v1/sql`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use e2e::drive::watched::{repeat, rounds};
use e2e::drive::{Backend, Collector, Settings};
use e2e::machine::programs::{e2e_folder, script};
use e2e::servers::Postgres;
use pganalytics_views::{INTERVAL_MS, SERVER, TS, Type, View, ViewSet};
use serde_json::{Value, json};

/// The tolerance for sums of floats, which depend on the order of the addition.
const FLOATS: f64 = 1e-9;
/// SQL shows durations in milliseconds, and files hold nanoseconds.
const NANOSECONDS: u32 = 1_000_000;
/// The number of tables with rows, at least. Replication and the like have no rows here.
const AT_LEAST: usize = 15;

/// For each table: the number of rows, then each column's number of values and their sum.
type Sums = BTreeMap<String, Vec<Value>>;

/// A table's columns with their types.
fn columns(view: &View) -> Vec<(String, Type)> {
    let first = [(TS, Type::Timestamptz), (SERVER, Type::Text), (INTERVAL_MS, Type::Int8)].map(|(name, r#type)| (name.to_owned(), r#type));
    first.into_iter().chain(view.columns.iter().map(|column| (column.name.clone(), column.r#type))).collect()
}

/// The sums of our own engine, in the files' units.
async fn ours(api: &Api, view: &View) -> Result<Vec<Value>> {
    let mut found = vec!["count(*)".to_owned()];
    for (name, r#type) in columns(view) {
        found.push(format!("count(\"{name}\")"));
        found.push(match r#type {
            Type::Bool => format!("cast(count(*) filter (where \"{name}\") as varchar)"),
            Type::Int8 => format!("cast(sum(cast(\"{name}\" as decimal(28, 0))) as varchar)"),
            Type::Duration => format!("cast(sum(cast(round(\"{name}\" * {NANOSECONDS}) as decimal(28, 0))) as varchar)"),
            Type::Float8 => format!("sum(\"{name}\")"),
            Type::Text => format!("cast(sum(character_length(\"{name}\")) as varchar)"),
            Type::Timestamptz => format!("cast(sum(cast(extract(epoch from \"{name}\") * 1000000 as bigint)) as varchar)"),
        });
    }
    let mut rows = api.sql(&format!("select {} from {}", found.join(", "), view.name)).await?;
    rows.pop().with_context(|| format!("a row of sums of {}", view.name))
}

/// The sums of another engine.
fn theirs(engine: &str, lake: &Path, views: &ViewSet) -> Result<Sums> {
    let tables: BTreeMap<&str, Vec<(String, &str)>> = views
        .iter()
        .map(|view| {
            let named = columns(view).into_iter().map(|(name, r#type)| {
                let r#type = match r#type {
                    Type::Bool => "bool",
                    Type::Int8 | Type::Duration => "int8",
                    Type::Float8 => "float8",
                    Type::Text => "text",
                    Type::Timestamptz => "timestamptz",
                };
                (name, r#type)
            });
            (view.name.as_str(), named.collect())
        })
        .collect();
    let mut command = Command::new(script("install/readers.sh")?);
    command.arg(e2e_folder().join("readers.py")).arg(engine).arg(lake);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("start Python")?;
    child.stdin.take().context("Python's standard input")?.write_all(json!(tables).to_string().as_bytes()).context("write the columns")?;
    let output = child.wait_with_output().context("wait for Python")?;
    ensure!(output.status.success(), "{engine} failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("read the sums")
}

/// A history whose rows are all in files, and the sums of our own engine. The backend is stopped.
struct History {
    backend: Backend,
    views: ViewSet,
    sums: Sums,
}

async fn history() -> Result<History> {
    let (postgres, mut backend) = tokio::try_join!(Postgres::start(18), Backend::start_with(Settings::flags(&["--compact-every", "1s"])))?;
    postgres.execute("create extension pg_stat_statements; create table told (id int primary key, text text)").await?;
    let mut collector = Collector::start(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
    rounds(&backend.api, "db", 1).await?;
    let mut session = postgres.connect().await?;
    repeat(&mut session, "insert into told select coalesce(max(id), 0) + 1, 'naïve 日本 🐘' from told", 50).await?;
    rounds(&backend.api, "db", 3).await?;
    collector.stop()?;
    backend.api.all_rows_in_files().await?;
    let views = ViewSet::builtin()?;
    let mut sums = Sums::new();
    for view in views.iter() {
        let row = ours(&backend.api, view).await?;
        if row[0] != json!(0) {
            sums.insert(view.name.clone(), row);
        }
    }
    ensure!(sums.len() >= AT_LEAST && sums.contains_key("pg_stat_statements"), "only these tables have rows: {:?}", sums.keys());
    // Merged files stay for a while, for queries in progress. A start removes them.
    backend.stop()?;
    backend.run().await?;
    backend.stop()?;
    Ok(History { backend, views, sums })
}

fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= FLOATS * ours.abs().max(theirs.abs()),
        // Without values both sums are null.
        _ => ours == theirs,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_spark_find_the_same_sums_in_every_table() -> Result<()> {
    let history = history().await?;
    let lake = history.backend.data().join("lake");
    let mut wrong = Vec::new();
    // One session per engine for all tables: Spark takes long to start.
    for engine in ["duckdb", "spark"] {
        let theirs = tokio::task::block_in_place(|| theirs(engine, &lake, &history.views))?;
        assert_eq!(theirs.keys().collect::<Vec<_>>(), history.sums.keys().collect::<Vec<_>>(), "{engine} finds other tables");
        for view in history.views.iter() {
            let (Some(ours), Some(theirs)) = (history.sums.get(&view.name), theirs.get(&view.name)) else { continue };
            let names = columns(view).into_iter().flat_map(|(name, _)| [format!("values of {name}"), format!("sum of {name}")]);
            let names: Vec<String> = std::iter::once("rows".to_owned()).chain(names).collect();
            assert_eq!((ours.len(), theirs.len()), (names.len(), names.len()), "{}", view.name);
            for (name, (ours, theirs)) in names.iter().zip(ours.iter().zip(theirs)) {
                if !same(ours, theirs) {
                    wrong.push(format!("{}, {name}: {ours} by SQL, {theirs} by {engine}", view.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
