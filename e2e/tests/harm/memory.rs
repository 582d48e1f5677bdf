//! A backend keeps to its memory settings under greedy queries.

use anyhow::{Result, ensure};
use e2e::drive::{Backend, Settings};
use e2e::machine::meter;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

const MIB: f64 = 1_048_576.0;
/// The memory for queries: --query-memory.
const QUERIES: f64 = 64.0 * MIB;
/// Memory that queries may take beyond that: memory that is not accounted to a query (rows between operators, answers as JSON), and memory that the
/// allocator keeps.
const BESIDE: f64 = 192.0 * MIB;
/// Queries that need several times that memory, to sort, group, join and aggregate.
const GREEDY: [&str; 4] = [
    "select count(*) from (select x.value * 7919 % 1999993 as n, lpad(cast(x.value as text), 80) as t from generate_series(1, 2000000) as x \
     order by 2 desc, 1 limit 1999999)",
    "select x.value * 7919 % 1999993 as n, count(*) from generate_series(1, 2000000) as x group by 1 order by 2, 1 limit 5",
    "select count(*) from generate_series(1, 8000000) a join generate_series(1, 8000000) b on a.value = b.value",
    "select length(string_agg(lpad(cast(x.value as text), 80), ',')) from generate_series(1, 2000000) as x",
];

#[tokio::test(flavor = "multi_thread")]
async fn four_greedy_queries_at_once_are_answered_or_refused_within_the_memory_for_queries() -> Result<()> {
    let backend = Backend::start_with(Settings::flags(&["--query-memory", "64MiB", "--query-deadline", "10m"])).await?;
    let process = backend.process().unwrap_or_default();
    backend.api.sql("select count(*) from pg_stat_statements").await?;
    let (before, _) = meter::memory(process)?;
    let asks = GREEDY.map(|query| {
        let body = json!({ "query": query });
        let api = &backend.api;
        async move { api.ask(Method::POST, "/api/v1/sql", Some(&body)).await }
    });
    let mut refused = 0;
    for (query, answer) in GREEDY.iter().zip(join_all(asks).await) {
        let (status, text) = answer?;
        ensure!(status.is_success() || text.contains("--query-memory"), "{query}: {status} {text}");
        refused += u32::from(!status.is_success());
    }
    let (_, peak) = meter::memory(process)?;
    ensure!(refused > 0, "no query was refused: the queries are not greedy enough to prove anything");
    ensure!(
        peak - before <= QUERIES + BESIDE,
        "the process took {:.0} MiB more than before, and {:.0} MiB are for queries",
        (peak - before) / MIB,
        QUERIES / MIB
    );
    backend.api.sql("select count(*) from pg_stat_statements").await?;
    Ok(())
}
