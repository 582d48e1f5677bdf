//! Metrics, health and log.

use axum::http::{Method, StatusCode};
use pganalytics_server::lake::Role;
use serde_json::json;

use crate::backend::{Backend, PASSWORD, batch, log, request};

#[tokio::test]
async fn metrics_count_requests_batches_queries_and_logins() {
    let backend = Backend::start().await;
    let (collector, viewer) = (backend.collector().await, backend.api(Role::Viewer).await);
    let body = batch(uuid::Uuid::new_v4(), 1, &["db-1", "db-2", "db-3"]);
    for _ in 0..2 {
        assert_eq!(backend.ship(&collector, body.clone()).await.status, StatusCode::OK);
    }
    backend.post("/api/v1/sql", &viewer, &json!({"query": "select 1"})).await;
    backend.post("/api/v1/sql", &viewer, &json!({"query": "selct 1"})).await;
    backend.login("admin", "a wrong password").await;
    backend.get("/some/page", &viewer).await;

    let reply = backend.get("/metrics", &viewer).await;
    assert!(reply.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    let text = reply.text();
    for line in [
        "pganalytics_http_requests_total{method=\"POST\",route=\"/api/v1/ingest\",status=\"200\"} 2",
        "pganalytics_http_requests_total{method=\"GET\",route=\"ui\",status=\"200\"} 1",
        "pganalytics_ingest_batches_total{outcome=\"accepted\"} 1",
        "pganalytics_ingest_batches_total{outcome=\"duplicate\"} 1",
        "pganalytics_ingest_rows_total 3",
        &format!("pganalytics_ingest_bytes_total {}", body.len()),
        "pganalytics_query_duration_seconds_count{outcome=\"answered\"} 1",
        "pganalytics_query_duration_seconds_count{outcome=\"refused\"} 1",
        "pganalytics_logins_total{outcome=\"failed\"} 1",
        "pganalytics_lake_hot_rows 3",
        "pganalytics_lake_rows{table=\"pganalytics_server\"} 3",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    let mut families: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let count = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), count, "a family appears once");
}

#[tokio::test]
async fn health_needs_no_login_and_readiness_ends_at_shutdown() {
    let backend = Backend::start().await;
    let get = async |path: &str| backend.send(request(Method::GET, path, &[], "")).await;
    let health = get("/api/v1/health").await.json();
    assert_eq!((&health["status"], &health["version"]), (&json!("ok"), &json!(env!("CARGO_PKG_VERSION"))));
    assert!(health["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(get("/livez").await.status, StatusCode::OK);
    assert_eq!(get("/readyz").await.status, StatusCode::OK);
    backend.app.drain();
    assert_eq!(get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get("/livez").await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_secret_and_no_statement_is_logged() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let session = backend.login("admin", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    backend.login("admin", "hunter2 hunter2").await;
    backend.login("my-password-in-the-wrong-field", "x").await;
    let made = backend.post("/api/v1/tokens", &admin, &json!({"name": "t", "kind": "api"})).await.json();
    backend.post("/api/v1/sql", &admin, &json!({"query": "select 'cell-value-4711'"})).await;
    backend.post("/api/v1/sql", &admin, &json!({"query": "selct 'cell-value-4711'"})).await;
    backend.post("/api/v1/sql", &admin, &json!({"query": "select $p", "parameters": {"p": "cell-value-4711"}})).await;
    backend.get("/page?secret=cell-value-4711", &admin).await;

    let text = log();
    assert!(text.contains("http.route=\"/api/v1/sql\""), "requests are logged:\n{text}");
    for secret in [PASSWORD, "hunter2", "wrong-field", "cell-value-4711", &admin[6..], &session[6..], &made["token"].as_str().unwrap()[6..]]
    {
        assert!(!text.contains(secret), "'{secret}' is in the log:\n{text}");
    }
}
