//! No value leaves the host: values in statements and in the server's log are searched for in the spool, in the batches, in the history and in the
//! programs' own logs.

mod statements;

use anyhow::{Context, Result, ensure};
use e2e::drive::{Backend, Collector, Settings};
use e2e::judge::SpoolWatch;
use e2e::servers::Postgres;
use e2e::servers::kubernetes::OnePod;
use e2e::servers::postgres::{Options, execute};
use pganalytics_views::{Type, ViewSet};
use serde_json::json;
use sqlx::AssertSqlSafe;

use statements::{OBJECTS, kinds};

/// The name of the one pod's server.
const SERVER: &str = "db/postgres";
/// A value that is bound to a parameter.
const BOUND: &str = "CanaryBound";

/// Runs all statements, and returns their values.
async fn run_all(postgres: &Postgres) -> Result<Vec<String>> {
    let mut values = vec![BOUND.to_owned()];
    for kind in kinds() {
        // Some statements fail, and some are not known to every version.
        let mut session = postgres.connect().await?;
        let _ = execute(&mut session, &kind.sql).await;
        values.extend(kind.values);
    }
    let mut session = postgres.connect().await?;
    let bound = AssertSqlSafe("select count(*) from t where b = $1 and $1 <> 'x'");
    sqlx::query(bound).bind(BOUND).execute(&mut session).await.context("run a statement with a parameter")?;
    let bound = AssertSqlSafe("select $1::text::int");
    sqlx::query(bound).bind(BOUND).execute(&mut session).await.expect_err("the value is no integer");
    execute(&mut session, "select count(*) from the_last_table").await?;
    // Its FATAL is the last entry of the log.
    postgres.connect_to("postgres", "the_last_role", None).await.expect_err("there is no such role");
    Ok(values)
}

/// All texts of the history, each once.
async fn history(backend: &Backend) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for view in ViewSet::builtin()?.iter() {
        for column in view.columns.iter().filter(|column| column.r#type == Type::Text) {
            let rows = backend.api.sql(&format!("select distinct {} from {}", column.name, view.name)).await?;
            texts.extend(rows.into_iter().flatten().filter_map(|value| value.as_str().map(ToOwned::to_owned)));
        }
    }
    Ok(texts)
}

fn found(values: &[String], places: &[(&str, &[String])]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, texts) in places {
        for text in *texts {
            found.extend(values.iter().filter(|value| text.contains(*value)).map(|value| format!("{value} in {place}: {text}")));
        }
    }
    found
}

async fn no_value_leaves(major: u32, prefix: &str) -> Result<()> {
    let options = Options::default()
        .set("shared_preload_libraries", "pg_stat_statements,auto_explain")
        .set("pg_stat_statements.track", "all")
        .set("auto_explain.log_min_duration", "0")
        .set("auto_explain.log_nested_statements", "on")
        .set("log_statement", "all")
        .set("log_min_duration_statement", "0")
        .set("log_min_messages", "debug1")
        .set("log_connections", "on")
        .set("log_error_verbosity", if major.is_multiple_of(2) { "verbose" } else { "default" })
        .set("log_line_prefix", prefix);
    let settings = Settings::flags(&["--compact-every", "1s"]);
    let (postgres, backend) = tokio::try_join!(Postgres::start_with(major, options), Backend::start_with(settings))?;
    postgres.execute(OBJECTS).await?;
    let pod = OnePod::start(postgres.port, postgres.folder().join("postgres.log"))?;
    let mut collector = Collector::prepare(&backend, &[]).await?;
    collector.configure(&pod.configuration())?;
    collector.environment.push(("PGANALYTICS_LOG".into(), "debug".into()));
    let spool = SpoolWatch::watch(collector.spool())?;
    collector.run()?;
    let api = &backend.api;
    let asked = async {
        api.rows_of(&format!("select 1 from pg_stat_statements where server = '{SERVER}'")).await?;
        let values = run_all(&postgres).await?;
        api.rows_of("select 1 from pg_stat_statements_text where query like '%count(*) from the_last_table%'").await?;
        api.rows_of("select 1 from postgres_log where usename = 'the_last_role' and error_severity = 'FATAL'").await?;
        anyhow::Ok(values)
    };
    let values = asked.await.with_context(|| format!("the collector's log:\n{}", collector.log()))?;

    // The server's own log has every value, so the collector has read every value.
    let log = postgres.log();
    let unseen: Vec<_> = values.iter().filter(|value| !log.contains(*value)).collect();
    ensure!(unseen.is_empty(), "these values are not in the server's log: {unseen:?}\n{log}");

    collector.stop()?;
    api.all_rows_in_files().await?;
    let (shipped, stored, logs) = (spool.texts()?, history(&backend).await?, [collector.log(), backend.log()]);
    let found = found(&values, &[("a batch", &shipped), ("the history", &stored), ("a program's log", &logs)]);
    ensure!(found.is_empty(), "{} values left the host: {:#?}", found.len(), &found[..found.len().min(20)]);

    // What is no value is still told, once for each entry.
    for text in ["set app.tenant = …", "call p(…, '…')", "alter role r password '…' valid until '…' connection limit …"] {
        let has = |texts: &[String]| texts.iter().any(|is| is == text);
        // Since 16, pg_stat_statements puts parameters in place of the values.
        ensure!(
            major > 15 || has(&stored),
            "no statement {text} in {:#?}",
            stored.iter().filter(|is| is.contains(&text[..8])).collect::<Vec<_>>()
        );
    }
    // Only a prefix with %e, or the verbose format, has the SQLSTATE that says that a constraint is violated.
    let names = major.is_multiple_of(2) || prefix.contains("%e");
    let name = |name: &'static str| if names { name } else { "…" };
    for (severity, message, count) in [
        ("ERROR", "column \"…\" does not exist".to_owned(), 1),
        // Without names, that of a RAISE looks the same.
        ("ERROR", format!("duplicate key value violates unique constraint \"{}\"", name("u_pkey")), if names { 1 } else { 2 }),
        ("ERROR", format!("null value in column \"{}\" of relation \"{}\" violates not-null constraint", name("a"), name("n")), 1),
        // 14 does not know MERGE.
        ("ERROR", "syntax error at or near \"…\"".to_owned(), if major == 14 { 2 } else { 1 }),
        ("ERROR", "invalid input syntax for type integer: \"…\"".to_owned(), 3),
        ("WARNING", "(message not recognised)".to_owned(), 1),
    ] {
        let sql = format!("select sum(entries) from postgres_log where error_severity = '{severity}' and message = '{message}'");
        let entries = api.integer(&sql).await?;
        let all = "select error_severity, sql_state_code, message, sum(entries) from postgres_log group by 1, 2, 3 order by 1, 3";
        ensure!(entries == count, "{entries} of {severity} {message}: {:#}", json!(api.sql(all).await?));
    }
    Ok(())
}

#[tokio::test]
async fn no_value_leaves_the_host_on_14() -> Result<()> {
    no_value_leaves(14, "%m [%p] %q%u@%d/%a ").await
}

#[tokio::test]
async fn no_value_leaves_the_host_on_15() -> Result<()> {
    no_value_leaves(15, "db=%d,user=%u,app=%a,client=%h").await
}

#[tokio::test]
async fn no_value_leaves_the_host_on_16() -> Result<()> {
    no_value_leaves(16, "%m [%p] %u@%d").await
}

#[tokio::test]
async fn no_value_leaves_the_host_on_17() -> Result<()> {
    no_value_leaves(17, "%t:%r:%u@%d:[%p]:%e").await
}

#[tokio::test]
async fn no_value_leaves_the_host_on_18() -> Result<()> {
    no_value_leaves(18, "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ").await
}
