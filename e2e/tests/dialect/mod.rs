//! SQL is PostgreSQL's: the same expressions on the newest server and on the backend give the same answers, or the backend says why not.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::drive::Backend;
use e2e::servers::Postgres;
use e2e::servers::postgres::{MAJORS, Options};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _, ValueRef as _};

mod table;

use table::{Case, same, table};

#[tokio::test]
async fn expressions_give_the_answers_of_a_real_server_or_an_error() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialect/expressions.txt");
    let cases = table(&std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?);
    let newest = MAJORS.last().copied().context("a version")?;
    let postgres = Postgres::start_with(newest, Options::default().set("TimeZone", "UTC")).await?;
    let mut session = postgres.connect().await?;
    let backend = Backend::start().await?;
    let mut wrong = Vec::new();
    for Case { line, statement, answer, refused } in &cases {
        // The table stays true when a new version answers otherwise.
        let theirs = on_server(&mut session, statement).await.unwrap_or_else(|_| "error".to_owned());
        if !same(&theirs, answer) {
            wrong.push(format!("line {line}: {statement}: PostgreSQL {newest} gives {theirs}, the table says {answer}"));
        }
        let ours = on_backend(&backend, statement).await?;
        let right = match &ours {
            Ok(ours) => !refused && same(ours, &theirs),
            Err(_) => *refused || theirs == "error",
        };
        if !right {
            wrong.push(format!("line {line}: {statement}: PostgreSQL {newest} gives {theirs}, the backend {ours:?}"));
        }
    }
    ensure!(wrong.is_empty(), "of {} expressions {} differ:\n{}", cases.len(), wrong.len(), wrong.join("\n"));
    ensure!(cases.len() > 150, "the table has only {} expressions", cases.len());
    Ok(())
}

/// The rows as psql shows them.
async fn on_server(session: &mut PgConnection, statement: &str) -> Result<String> {
    // A simple query: all values come as texts.
    let rows = session.fetch_all(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await?;
    let rows = rows.iter().map(|row| {
        let cells = (0..row.len()).map(|at| {
            let value = row.try_get_raw(at)?;
            let text = if value.is_null() { "null" } else { value.as_str().map_err(anyhow::Error::from_boxed)? };
            Ok(text.replace('\n', "\\n"))
        });
        Ok(cells.collect::<Result<Vec<_>>>()?.join(" | "))
    });
    Ok(rows.collect::<Result<Vec<_>>>()?.join(" ; "))
}

/// The rows of the backend's API in the same form, or the error's message.
async fn on_backend(backend: &Backend, statement: &str) -> Result<std::result::Result<String, String>> {
    let (status, text) = backend.api.ask(Method::POST, "/api/v1/sql", Some(&json!({"query": statement}))).await?;
    let body: Value = serde_json::from_str(&text).with_context(|| format!("the answer to {statement}: {text}"))?;
    if status != StatusCode::OK {
        // A fault of the backend is no refusal.
        ensure!(status.is_client_error(), "{statement}: {status}: {text}");
        return Ok(Err(body["message"].as_str().unwrap_or(&text).to_owned()));
    }
    let types: Vec<&str> = body["columns"].as_array().context("columns")?.iter().filter_map(|column| column["type"].as_str()).collect();
    let rows: Vec<Vec<Value>> = serde_json::from_value(body["rows"].clone()).context("rows")?;
    let shown = rows.iter().map(|row| row.iter().zip(&types).map(|(value, r#type)| cell(value, r#type)).collect::<Vec<_>>().join(" | "));
    Ok(Ok(shown.collect::<Vec<_>>().join(" ; ")))
}

/// A value of the API as psql shows it.
fn cell(value: &Value, r#type: &str) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => if *value { "t" } else { "f" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| if item.is_null() { "NULL".into() } else { cell(item, "") }).collect();
            format!("{{{}}}", items.join(","))
        }
        Value::String(text) if r#type.starts_with("timestamp") => text.replacen('T', " ", 1).replace('Z', "+00"),
        Value::String(text) => text.replace('\n', "\\n"),
        Value::Object(_) => value.to_string(),
    }
}
