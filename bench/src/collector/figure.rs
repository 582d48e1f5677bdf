//! Figure (a): the cost of reading a PostgreSQL with 2,200 statements and 200 tables once a minute, for the collector and for the server, beside
//! postgres_exporter; and the bytes on the wire.
//!
//! One after the other, both read the same server at the same interval for the same number of polls, while 39 % of the statements are called between two
//! polls. Our collector runs with all views at their own intervals, and also samples sessions each second, which the exporter cannot. The exporter runs
//! twice: with its own collectors, whose statement query reads five counters, and with our columns as a custom query.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use e2e::machine::process::Spec;
use e2e::machine::{meter, ports, programs};
use e2e::servers::postgres::execute;
use e2e::wait::{PATIENCE, until};
use pganalytics_views::{Kind, Scope, Source, Type, View, ViewSet};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::exposition;
use super::rig::{MAJOR, Rig, TABLES};
use super::sink::Sink;
use crate::peers;
use crate::peers::{Request, SAMPLES_PER_REQUEST, Series};
use crate::table::{Goal, Line, print};

/// Readings that are not measured: the first has no deltas and ships all texts.
const WARM_UP: u32 = 2;
/// Runs of each statement for the comparison with a bare query.
const ROUNDS: usize = 50;

/// The cost of a poll.
struct Cost {
    name: String,
    cpu: f64,
    postgres: f64,
    resident: f64,
    wire: f64,
}

/// Measures and prints the figure.
///
/// # Errors
/// If a program does not start or refuses.
pub(crate) async fn run(interval: Duration, polls: u32) -> Result<()> {
    let views = ViewSet::builtin().context("read the views")?;
    eprintln!("starting PostgreSQL {MAJOR}");
    let mut rig = Rig::start().await?;
    let statements = rig.statements().await?;
    let same = wire_of_same_samples(&rig, &views).await?;
    let (bare, ours_sql) = poll_against_bare(&rig, &views).await?;

    rig.live(interval).await?;
    rig.until_alone().await?;
    let before = rig.reader_cpu()?;
    tokio::time::sleep(interval).await;
    let idle = rig.reader_cpu()? - before;
    eprintln!("{statements} statements, {TABLES} tables; without readings the server takes {:.1} ms in {interval:?}", idle * 1e3);

    let ours = ours(&rig, interval, polls, idle).await?;
    let folder = tempfile::Builder::new().prefix("pganalytics-bench-").tempdir().context("create a temporary folder")?;
    let collectors =
        ["--collector.stat_statements", "--collector.stat_statements.limit=10000", "--collector.stat_statements.include_query"];
    let tables = ["--collector.stat_user_tables", "--collector.statio_user_tables", "--collector.statio_user_indexes"];
    let own: Vec<String> = collectors.iter().chain(&tables).map(|flag| (*flag).to_owned()).collect();
    let custom = folder.path().join("queries.yaml");
    let view = views.get("pg_stat_statements").context("find the view pg_stat_statements")?;
    std::fs::write(&custom, custom_query(view)?).with_context(|| format!("write {}", custom.display()))?;
    let with_our_columns = [format!("--extend.query-path={}", custom.display())].into_iter().chain(tables.map(str::to_owned)).collect();
    let exporter = exporter(&rig, own, "", folder.path(), interval, polls, idle).await?;
    let wide = self::exporter(&rig, with_our_columns, ", our columns", folder.path(), interval, polls, idle).await?;
    rig.stop().await?;

    let mut lines = Vec::new();
    for (peer, judged) in [(&exporter, true), (&wide, false)] {
        let mut line = |figure: &str, unit, scale: f64, goal, value: fn(&Cost) -> f64| {
            lines.push(Line {
                figure: figure.to_owned(),
                ours: value(&ours) * scale,
                peer: value(peer) * scale,
                peer_name: peer.name.clone(),
                unit,
                goal: if judged { goal } else { Goal::None },
            });
        };
        line("collector's CPU, a poll", "ms", 1e3, Goal::AtMost(1.0 / 50.0), |cost| cost.cpu);
        line("collector's memory", "MB", 1e-6, Goal::AtMost(1.0 / 3.0), |cost| cost.resident);
        line("PostgreSQL's CPU, a poll", "ms", 1e3, Goal::AtMost(0.5), |cost| cost.postgres);
        line("on the wire, a poll, each what it reads", "B", 1.0, Goal::None, |cost| cost.wire);
    }
    let against =
        |figure: &str, ours, peer, name: &str, unit, goal| Line { figure: figure.into(), ours, peer, peer_name: name.into(), unit, goal };
    lines.push(against("on the wire, a poll, the same samples", ours.wire, same, "remote write", "B", Goal::AtMost(1.0 / 30.0)));
    let bare_name = "bare select from pg_stat_statements(false)";
    lines.push(against("PostgreSQL's CPU, the statements query", ours_sql * 1e3, bare * 1e3, bare_name, "ms", Goal::AtMost(1.5)));
    print(&format!("Collector: {statements} statements, {TABLES} tables, every {} s, {polls} polls", interval.as_secs()), &lines);
    Ok(())
}

async fn ours(rig: &Rig, interval: Duration, polls: u32, idle: f64) -> Result<Cost> {
    rig.until_alone().await?;
    eprintln!("reading with pganalytics-collector");
    let sink = Sink::start().await?;
    let folder = tempfile::Builder::new().prefix("pganalytics-bench-").tempdir().context("create a temporary folder")?;
    let config = folder.path().join("collector.toml");
    let mut text = format!(
        "[backend]\nurl = '{}'\ntoken = 'bench'\n\n[spool]\nfolder = '{}'\n\n[collector]\nname = 'bench'\nlisten = 'off'\n\n[[target]]\nconninfo = '{}'\n",
        sink.url,
        folder.path().join("spool").display(),
        rig.conninfo()
    );
    // Views with an interval of a minute get the exporter's interval.
    for view in ViewSet::builtin().context("read the views")?.iter().filter(|view| view.interval == Duration::from_secs(60)) {
        let _ = write!(text, "\n[view.{}]\ninterval = '{}s'\n", view.name, interval.as_secs());
    }
    std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
    let arguments = ["run".into(), "--config".into(), config.into_os_string()];
    let mut process =
        Spec::new(&programs::binary("pganalytics-collector")?, &folder.path().join("collector.log")).arguments(arguments).spawn()?;
    let settled = async || {
        process.still_running()?;
        Ok((sink.arrived(0)?.polls >= i64::from(WARM_UP)).then_some(()))
    };
    until("the collector's first readings", interval * (WARM_UP + 2) + PATIENCE, settled).await?;

    let (before, arrived) = (meter::cpu(process.id())?.own, sink.count());
    let postgres = rig.reader_cpu()?;
    tokio::time::sleep(interval * polls).await;
    let cpu = meter::cpu(process.id())?.own - before;
    let postgres = rig.reader_cpu()? - postgres - idle * f64::from(polls);
    let arrived = sink.arrived(arrived)?;
    process.still_running()?;
    if (arrived.polls - i64::from(polls)).abs() > 1 {
        bail!("the collector read the statements {} times instead of {polls}; its log ends with:\n{}", arrived.polls, process.log());
    }
    let (resident, peak) = meter::memory(process.id())?;
    eprintln!(
        "  {} batches, {:.0} rows of statements a poll; by the collector, one takes {:.1} ms; peak memory {:.0} MB",
        arrived.batches,
        arrived.rows as f64 / arrived.polls as f64,
        arrived.duration_ns as f64 / arrived.polls as f64 / 1e6,
        peak / 1e6
    );
    let polls = f64::from(polls);
    let name = format!("pgAnalytics {}", env!("CARGO_PKG_VERSION"));
    Ok(Cost { name, cpu: cpu / polls, postgres: postgres / polls, resident, wire: arrived.bytes as f64 / polls })
}

async fn exporter(rig: &Rig, flags: Vec<String>, what: &str, folder: &Path, interval: Duration, polls: u32, idle: f64) -> Result<Cost> {
    let program = peers::find(&["postgres_exporter", "prometheus-postgres-exporter"])?;
    let name = format!("postgres_exporter {}{what}", program.version);
    rig.until_alone().await?;
    eprintln!("reading with {name}");
    let listen = format!("127.0.0.1:{}", ports::free()?);
    let mut process = Spec::new(&program.path, &folder.join("exporter.log"))
        .arguments(flags.into_iter().chain([format!("--web.listen-address={listen}")]))
        .environment("DATA_SOURCE_NAME", &rig.conninfo())
        .spawn()?;
    let client = reqwest::Client::builder().no_proxy().build().context("make an HTTP client")?;
    let url = format!("http://{listen}/metrics");
    let mut text = String::new();
    for _ in 0..WARM_UP {
        text = until("the exporter's first answer", PATIENCE, async || {
            process.still_running()?;
            Ok(Some(scrape(&client, &url).await?))
        })
        .await?;
    }
    let shown = text.lines().filter(|line| line.starts_with("pg_stat_statements_") && line.contains("queryid")).count();
    if shown < 2_000 {
        bail!("the exporter shows {shown} samples of statements; its log:\n{}", process.log());
    }

    let before = meter::cpu(process.id())?.own;
    let postgres = rig.reader_cpu()?;
    let mut clock = tokio::time::interval(interval);
    for _ in 0..polls {
        clock.tick().await;
        text = scrape(&client, &url).await?;
    }
    clock.tick().await;
    let cpu = meter::cpu(process.id())?.own - before;
    let postgres = rig.reader_cpu()? - postgres - idle * f64::from(polls);
    let (resident, peak) = meter::memory(process.id())?;
    let samples = exposition::samples(&text, "db-1.example.com:9187")?;
    let (count, wire) = (samples.len(), remote_write(&samples)?);
    eprintln!("  {count} samples a poll, {shown} of them of statements; peak memory {:.0} MB", peak / 1e6);
    let polls = f64::from(polls);
    Ok(Cost { name, cpu: cpu / polls, postgres: postgres / polls, resident, wire: wire as f64 })
}

/// Scrapes as Prometheus does, compressed.
async fn scrape(client: &reqwest::Client, url: &str) -> Result<String> {
    let answer = client.get(url).header("accept-encoding", "gzip").header("accept", "text/plain").send().await.context("scrape")?;
    let body = answer.error_for_status().context("scrape")?.bytes().await.context("scrape")?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(body.as_ref()).read_to_string(&mut text).context("decompress a scrape")?;
    Ok(text)
}

/// The bytes of these samples in Prometheus' remote write.
fn remote_write(samples: &[(Series, f64)]) -> Result<usize> {
    const NOW_MS: u64 = 1_800_000_000_000;
    let mut request = Request::default();
    let mut bytes = 0;
    for (at, (series, value)) in samples.iter().enumerate() {
        request.push(series, *value, NOW_MS);
        if request.samples() == SAMPLES_PER_REQUEST || at + 1 == samples.len() {
            bytes += request.take()?.len();
        }
    }
    Ok(bytes)
}

/// The bytes of one snapshot in remote write, of all our views that SQL reads each minute or more often.
async fn wire_of_same_samples(rig: &Rig, views: &ViewSet) -> Result<f64> {
    let (mut connection, _) = rig.session().await?;
    let instance = rig.postgres.name();
    let mut samples = Vec::new();
    let read = |view: &&std::sync::Arc<View>| {
        view.source == Source::Sql
            && view.scope != Scope::Host
            && view.interval <= Duration::from_secs(60)
            && view.ship == pganalytics_views::Ship::Changed
    };
    for view in views.iter().filter(read) {
        let Some(sql) = view.sql_for(MAJOR) else { continue };
        let sql = format!("select to_jsonb(v)::text from ({}) as v", sql.replace("{schema}", "public"));
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.with_context(|| format!("read {}", view.name))?;
        for row in rows {
            let row: String = row.try_get(0).with_context(|| format!("read {}", view.name))?;
            let row: Value = serde_json::from_str(&row).with_context(|| format!("read {}", view.name))?;
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let labels: Vec<(&str, String)> = view.labels().map(|column| (column.name.as_str(), text(&row[&column.name]))).collect();
            for column in view.columns.iter().filter(|column| matches!(column.kind, Kind::Counter | Kind::Gauge)) {
                let Some(value) = row[&column.name].as_f64() else { continue };
                let name = format!("{}_{}", view.name, column.name);
                let own = [("__name__", name.as_str()), ("instance", instance.as_str()), ("job", "postgres")];
                let value = if column.r#type == Type::Duration { value / 1e3 } else { value };
                samples.push((Series::new(labels.iter().map(|(name, value)| (*name, value.as_str())).chain(own)), value));
            }
        }
    }
    let bytes = remote_write(&samples)?;
    eprintln!("{} samples in a snapshot of our views; {bytes} B by remote write", samples.len());
    Ok(bytes as f64)
}

/// The server's CPU seconds for a bare reading of the counters, and for the collector's query.
async fn poll_against_bare(rig: &Rig, views: &ViewSet) -> Result<(f64, f64)> {
    let view = views.get("pg_stat_statements").context("find the view pg_stat_statements")?;
    let ours = view.sql_for(MAJOR).context("SQL of pg_stat_statements")?.replace("{schema}", "public");
    let names: Vec<&str> = view.columns.iter().filter(|column| column.is_in(MAJOR)).map(|column| column.name.as_str()).collect();
    // The collector's guard over TCP to a server on Linux.
    let guard = [
        ("search_path", "pg_catalog, pg_temp"),
        ("transaction_read_only", "on"),
        ("statement_timeout", "10000"),
        ("lock_timeout", "100ms"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("jit", "off"),
        ("extra_float_digits", "1"),
        ("client_connection_check_interval", "2s"),
        ("tcp_user_timeout", "10s"),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ];
    let guard = guard.map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', true)")).join(", ");
    let ours = format!("select {guard};\nselect {} from (\n{ours}\n) as v limit {}", names.join(", "), view.max_rows + 1);
    let counters =
        view.columns.iter().filter(|column| column.kind == Kind::Counter && column.is_in(MAJOR)).map(|column| match column.name.as_str() {
            "blk_read_time" => "shared_blk_read_time",
            "blk_write_time" => "shared_blk_write_time",
            name => name,
        });
    let counters: Vec<&str> = counters.collect();
    let bare = format!("select userid, dbid, queryid, toplevel, {} from public.pg_stat_statements(false)", counters.join(", "));
    let (mut connection, process) = rig.session().await?;
    let (mut bare_took, mut ours_took) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare_took.push(cost(&mut connection, process, &bare).await?);
        ours_took.push(cost(&mut connection, process, &ours).await?);
    }
    Ok((meter::median(bare_took), meter::median(ours_took)))
}

async fn cost(connection: &mut PgConnection, process: u32, sql: &str) -> Result<f64> {
    let before = meter::cpu_exact(process)?;
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.context("read the statements")?;
    // After another statement the session has slept, and the kernel has counted its time.
    execute(connection, "").await?;
    Ok(meter::cpu_exact(process)? - before)
}

/// Our columns as a custom query of the exporter.
fn custom_query(view: &View) -> Result<String> {
    let sql = view.sql_for(MAJOR).context("SQL of pg_stat_statements")?.replace("{schema}", "public");
    let mut out = String::from("pg_stat_statements:\n  query: |\n");
    for line in sql.trim().lines() {
        let _ = writeln!(out, "    {line}");
    }
    out.push_str("  metrics:\n");
    for column in view.columns.iter().filter(|column| column.is_in(MAJOR)) {
        let usage = if column.kind == Kind::Label { "LABEL" } else { "COUNTER" };
        let _ =
            writeln!(out, "    - {}:\n        usage: \"{usage}\"\n        description: \"{}\"", column.name, column.help.replace('"', "'"));
    }
    Ok(out)
}
