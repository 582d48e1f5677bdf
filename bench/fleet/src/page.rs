//! The requests of the UI's fleet page. Their SQL comes from `ui/src/pages/fleet/fleet.sql.ts`: a test of the UI writes it to `bench/fleet/page.json` and
//! fails if that file is stale.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../page.json");

#[derive(Deserialize)]
struct Query {
    name: String,
    max_rows: u64,
    query: String,
}

/// The times of one opening of the page.
pub(crate) struct Opened {
    /// Until the last answer.
    pub(crate) took: Duration,
    /// The time of each request.
    pub(crate) parts: Vec<(String, Duration)>,
    /// Answers that the backend cut: the page is incomplete.
    pub(crate) cut: Vec<String>,
}

/// Opens the page for the last hour: the list of servers and all SQL statements, at the same time.
pub(crate) async fn open(api: &Api) -> Result<Opened> {
    let queries: Vec<Query> = serde_json::from_str(PAGE).context("read page.json")?;
    let begin = Instant::now();
    // The backend computes the range, so that both clocks agree.
    let (from, to) = range(api).await?;
    let begin = begin + begin.elapsed();
    let servers = async {
        let (status, text) = api.ask(Method::GET, "/api/v1/servers", None).await?;
        ensure!(status.is_success(), "/api/v1/servers answered {status}: {text}");
        Ok(("servers".to_owned(), begin.elapsed(), false))
    };
    let statements = queries.into_iter().map(|query| {
        let body = json!({ "query": query.query, "max_rows": query.max_rows, "parameters": { "from": from, "to": to } });
        async move {
            let (status, text) = api.ask(Method::POST, "/api/v1/sql", Some(&body)).await?;
            ensure!(status.is_success(), "{} answered {status}: {text}", query.name);
            Ok((query.name, begin.elapsed(), text.contains("\"truncated\":true")))
        }
    });
    let (servers, statements) = tokio::try_join!(servers, futures::future::try_join_all(statements))?;
    let all: Vec<(String, Duration, bool)> = std::iter::once(servers).chain(statements).collect();
    Ok(Opened {
        took: all.iter().map(|(_, took, _)| *took).max().unwrap_or_default(),
        cut: all.iter().filter(|(_, _, cut)| *cut).map(|(name, ..)| name.clone()).collect(),
        parts: all.into_iter().map(|(name, took, _)| (name, took)).collect(),
    })
}

async fn range(api: &Api) -> Result<(Value, Value)> {
    let rows = api.sql("select now() - interval '1 hour', now()").await?;
    let mut row = rows.into_iter().next().context("the time")?.into_iter();
    Ok((row.next().context("the time")?, row.next().context("the time")?))
}
