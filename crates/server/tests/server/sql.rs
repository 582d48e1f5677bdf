//! SQL queries and their results.

use arrow::array::cast::AsArray as _;
use arrow::datatypes::Int64Type;
use axum::http::StatusCode;
use pganalytics_server::lake::Role;
use serde_json::{Value, json};

use crate::backend::{Backend, Reply, batch};

const TYPES: &str = "select 1 as n, 9007199254740993 as big, 0.5 as half, 'a,\"b\"' as text, true as yes, null as nothing, \
    timestamp '2025-01-02T03:04:05.600Z' as at, cast('NaN' as double) as nan";

async fn answer_of(backend: &Backend, body: Value) -> Reply {
    let token = backend.api(Role::Viewer).await;
    backend.post("/api/v1/sql", &token, &body).await
}

#[tokio::test]
async fn json_contains_every_value_without_loss() {
    let backend = Backend::start().await;
    let reply = answer_of(&backend, json!({"query": TYPES})).await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/json"), "{}", reply.text());
    let answer = reply.json();
    assert!(answer["elapsed_ms"].as_f64().is_some_and(|elapsed| elapsed >= 0.0));
    insta::assert_snapshot!(
        answer["columns"],
        @r#"[{"name":"n","type":"int4"},{"name":"big","type":"int8"},{"name":"half","type":"numeric"},{"name":"text","type":"text"},{"name":"yes","type":"bool"},{"name":"nothing","type":"unknown"},{"name":"at","type":"timestamp"},{"name":"nan","type":"float8"}]"#
    );
    insta::assert_snapshot!(answer["rows"], @r#"[[1,"9007199254740993",0.5,"a,\"b\"",true,null,"2025-01-02T03:04:05.6",null]]"#);
    assert_eq!(answer["truncated"], false);
}

#[tokio::test]
async fn csv_has_a_header_even_without_rows() {
    let backend = Backend::start().await;
    let reply = answer_of(&backend, json!({"query": TYPES, "format": "csv"})).await;
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8");
    insta::assert_snapshot!(reply.text(), @r#"
    n,big,half,text,yes,nothing,at,nan
    1,9007199254740993,0.5,"a,""b""",true,,2025-01-02T03:04:05.600,NaN
    "#);
    let reply = answer_of(&backend, json!({"query": "select ts, server from pg_stat_database", "format": "csv"})).await;
    assert_eq!(reply.text(), "ts,server\n");
}

#[tokio::test]
async fn arrow_streams_can_be_read() {
    let backend = Backend::start().await;
    let reply = answer_of(&backend, json!({"query": "select value from generate_series(1, 1000) order by value", "format": "arrow"})).await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/vnd.apache.arrow.stream"), "{}", reply.text());
    let batches = arrow::ipc::reader::StreamReader::try_new(reply.body.as_slice(), None).unwrap();
    let sum: i64 = batches.flat_map(|batch| batch.unwrap().column(0).as_primitive::<Int64Type>().values().to_vec()).sum();
    assert_eq!(sum, 500_500);
}

#[tokio::test]
async fn parameters_are_values_and_never_sql() {
    let backend = Backend::start().await;
    let collector = backend.collector().await;
    backend.ship(&collector, batch(uuid::Uuid::new_v4(), 1, &["db-1", "db-2"])).await;
    let query = "select server from pganalytics_server where server = $server";
    for (value, expected) in [("db-1", json!([["db-1"]])), ("x' or '1'='1", json!([]))] {
        let reply = answer_of(&backend, json!({"query": query, "parameters": {"server": value}})).await;
        assert_eq!(reply.json()["rows"], expected, "{}", reply.text());
    }
}

#[tokio::test]
async fn a_truncated_result_is_marked_in_every_format() {
    let backend = Backend::start().await;
    let query = "select value from generate_series(1, 100)";
    for format in ["json", "csv", "arrow"] {
        let cut = answer_of(&backend, json!({"query": query, "format": format, "max_rows": 10})).await;
        assert_eq!(cut.header("x-pganalytics-truncated"), "true", "{format}");
        let whole = answer_of(&backend, json!({"query": query, "format": format})).await;
        assert_eq!(whole.header("x-pganalytics-truncated"), "", "{format}");
    }
    let cut = answer_of(&backend, json!({"query": query, "max_rows": 10})).await.json();
    assert_eq!((cut["truncated"].clone(), cut["rows"].as_array().unwrap().len()), (json!(true), 10));
}

#[tokio::test]
async fn an_error_in_the_statement_has_its_position() {
    let backend = Backend::start().await;
    for (query, code) in [
        ("select datname from\n  (select", "sql_syntax"),
        ("select datname,\n       sise from pg_database", "sql_plan"),
        ("select 1 from pg_databases", "sql_plan"),
    ] {
        let reply = answer_of(&backend, json!({"query": query})).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, code), "{query}: {}", reply.text());
        let error = &reply.json()["error"];
        assert!(!error["message"].as_str().unwrap().is_empty() && !error["remedy"].as_str().unwrap().is_empty(), "{error}");
    }
    let reply = answer_of(&backend, json!({"query": "select datname,\n       sise from pg_database"})).await;
    assert_eq!(reply.json()["error"]["position"], json!({"line": 2, "column": 8}), "{}", reply.text());
}

#[tokio::test]
async fn a_damaged_or_missing_file_is_an_error_of_the_backend() {
    let backend = Backend::start().await;
    let collector = backend.collector().await;
    assert_eq!(backend.ship(&collector, batch(uuid::Uuid::new_v4(), 1, &["db-1"])).await.status, StatusCode::OK);
    backend.lake.compact().await.unwrap();
    let file = backend.files("pganalytics_server").remove(0);
    let damage: [fn(&std::path::Path); 2] = [
        |file| std::fs::write(file, vec![0x5a; std::fs::metadata(file).unwrap().len().try_into().unwrap()]).unwrap(),
        |file| std::fs::remove_file(file).unwrap(),
    ];
    for damage in damage {
        damage(&file);
        let reply = answer_of(&backend, json!({"query": "select sum(version_num) from pganalytics_server"})).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "history_damaged"), "{}", reply.text());
        let error = &reply.json()["error"];
        assert!(error["message"].as_str().unwrap().contains(&*file.to_string_lossy()), "{error}");
        let remedy = error["remedy"].as_str().unwrap();
        assert!(remedy.contains("pganalytics lake verify") && remedy.contains("backup"), "{error}");
    }
    // Queries of other tables still work.
    assert_eq!(answer_of(&backend, json!({"query": "select count(*) from pg_database"})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn statements_that_write_are_refused() {
    let backend = Backend::start().await;
    for query in [
        "drop table pg_database",
        "insert into pg_database (server) values ('x')",
        "copy (select 1) to '/tmp/x.csv'",
        "create external table t stored as csv location '/etc/passwd'",
        "set datafusion.execution.batch_size = 1",
        "select 1; select 2",
    ] {
        let reply = answer_of(&backend, json!({"query": query})).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}: {}", reply.text());
        assert!(reply.code().starts_with("sql_"), "{query}: {}", reply.text());
    }
}

#[tokio::test]
async fn large_results_are_compressed_on_request() {
    let backend = Backend::start().await;
    let token = backend.api(Role::Viewer).await;
    let headers = [
        ("authorization", crate::backend::bearer(&token)),
        ("content-type", "application/json".into()),
        ("accept-encoding", "gzip".into()),
    ];
    let headers: Vec<_> = headers.iter().map(|(name, value): &(&str, String)| (*name, value.as_str())).collect();
    let body = json!({"query": "select value from generate_series(1, 5000)"}).to_string();
    let reply = backend.send(crate::backend::request(axum::http::Method::POST, "/api/v1/sql", &headers, body)).await;
    assert_eq!(reply.header("content-encoding"), "gzip");
    assert_eq!(reply.body[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn one_tokens_slow_statements_delay_neither_others_nor_pages() {
    let backend = Backend::start().await;
    let slow = json!({"query": "select count(*) from generate_series(1, 1000000000000) as x where x.value % 3 = 1", "purpose": "page"});
    let (busy, other) = (backend.api(Role::Viewer).await, backend.api(Role::Viewer).await);
    let session = backend.login("admin", crate::backend::PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    // A token asks no pages, whatever it says: its statements hold turns of consoles, and not all of them.
    let slow = futures::future::join_all((0..12).map(|_| backend.post("/api/v1/sql", &busy, &slow)));
    let two_run = async || {
        let reached = async {
            while backend.lake.stats().await.running_queries != 2 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(120), reached).await.expect("two queries run within two minutes");
    };
    let others = async {
        two_run().await;
        for _ in 0..6 {
            let reply = backend.post("/api/v1/sql", &other, &json!({"query": "select 1"})).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
            let reply = backend.post("/api/v1/sql", &session, &json!({"query": "select 1", "purpose": "page"})).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        }
        two_run().await;
    };
    // The slow statements never end, so the others are answered first, or the test ends at the slow statements' deadline.
    tokio::select! {
        replies = slow => panic!("{}", replies[0].text()),
        () = others => {}
    }
    let unknown = backend.post("/api/v1/sql", &other, &json!({"query": "select 1", "purpose": "report"})).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "{}", unknown.text());
}
