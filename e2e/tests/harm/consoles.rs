//! Viewers with greedy and endless SQL: the backend keeps to its memory, and pages are answered meanwhile.

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use e2e::drive::{ADMIN, Backend, PASSWORD, Settings};
use e2e::machine::meter;
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

const MIB: f64 = 1_048_576.0;
/// The memory for queries: --query-memory.
const QUERIES: f64 = 64.0 * MIB;
/// Memory that is not accounted to a query: rows between operators, answers, and what the allocator keeps.
const BESIDE: f64 = 320.0 * MIB;
/// Statements that took gigabytes, or every thread, before they were bounded.
const ATTACKS: [&str; 16] = [
    "select percentile_cont(0.5) within group (order by value) from generate_series(1, 1000000000)",
    "select sum(value) over () from generate_series(1, 100000000) limit 1",
    "select max(s) from (select sum(value) over (order by value) as s from generate_series(1, 100000000))",
    "select max(s) from (select lead(value, 99999) over (order by value) as s from generate_series(1, 100000000))",
    "select array_agg(value) over (order by value) from generate_series(1, 1000000)",
    "select count(distinct value) from generate_series(1, 1000000000)",
    "select count(*) from generate_series(1, 10000000) group by cube (value, value + 1, value + 2, value + 3, value + 4, value + 5)",
    "select * from (select array_agg(value) as l from generate_series(1, 1000000)), generate_series(1, 100000)",
    "select (select string_agg('xxxxxxxx', '') from generate_series(1, 1000000)), value from generate_series(1, 100000)",
    "select unnest(l), l from (select array_agg(value) as l from generate_series(1, 1000000))",
    "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b where a.value + b.value = 7",
    "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n",
    "with recursive n as (select 1 as i union all select a.i + 1 from n a cross join generate_series(1, 1000)) select count(*) from n",
    "select regexp_count(s, '[0-9a-f-]*[0-7][0-9a-f-]{4000}[g-z]') from (select string_agg(uuid(), '') as s \
     from generate_series(1, 20000))",
    "select max(length(s || s || s)) from (select repeat('x', cast(16000 + value % 2 as bigint)) as s from generate_series(1, 10000000))",
    "select count(distinct value) over (order by value rows between 10 preceding and unbounded following) from generate_series(1, 300000)",
];

/// A viewer of this name, logged in.
async fn viewer(backend: &Backend, name: &str) -> Result<Api> {
    let user = json!({"name": name, "role": "viewer", "password": PASSWORD});
    backend.api.request(Method::POST, "/api/v1/users", Some(&user)).await?;
    let mut api = Api::new(&backend.api.url)?;
    api.log_in(name, PASSWORD).await?;
    Ok(api)
}

#[tokio::test(flavor = "multi_thread")]
async fn greedy_viewers_end_neither_the_backend_nor_its_pages() -> Result<()> {
    let backend = Backend::start_with(Settings::flags(&["--query-memory", "64MiB", "--query-deadline", "4s"])).await?;
    let process = backend.process().unwrap_or_default();
    backend.api.sql("select count(*) from pg_stat_statements").await?;
    let (before, _) = meter::memory(process)?;
    let (ann, bob) = (viewer(&backend, "ann").await?, viewer(&backend, "bob").await?);
    let attacks = async {
        let ask = |(at, attack): (usize, &&str)| {
            let (api, body) = (if at % 2 == 0 { &ann } else { &bob }, json!({ "query": attack }));
            async move { api.ask(Method::POST, "/api/v1/sql", Some(&body)).await }
        };
        join_all(ATTACKS.iter().enumerate().map(ask)).await
    };
    let pages = async {
        let mut admin = Api::new(&backend.api.url)?;
        admin.log_in(ADMIN, PASSWORD).await?;
        for _ in 0..40 {
            let page = json!({"query": "select server, count(*) from pg_stat_statements group by server", "purpose": "page"});
            // An attacker's own pages are answered, too.
            for api in [&admin, &ann] {
                api.request(Method::POST, "/api/v1/sql", Some(&page)).await.context("a page, while others ask greedily")?;
            }
        }
        anyhow::Ok(())
    };
    let (answers, pages) = tokio::join!(attacks, pages);
    pages?;
    for (attack, answer) in ATTACKS.iter().zip(answers) {
        let (status, text) = answer.with_context(|| (*attack).to_owned())?;
        let is_fair = [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY, StatusCode::SERVICE_UNAVAILABLE];
        ensure!(is_fair.contains(&status), "{attack}: {status} {text}");
        ensure!(status != StatusCode::SERVICE_UNAVAILABLE || text.contains("\"busy\""), "{attack}: {status} {text}");
    }
    let (_, peak) = meter::memory(process)?;
    ensure!(
        peak - before <= QUERIES + BESIDE,
        "the process took {:.0} MiB more than before, and {:.0} MiB are for queries",
        (peak - before) / MIB,
        QUERIES / MIB
    );
    ensure!(backend.process() == Some(process), "the backend is another process");
    backend.api.sql("select count(*) from pg_stat_statements").await?;
    Ok(())
}
