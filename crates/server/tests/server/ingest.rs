//! Batches of collectors.

use axum::http::{Method, StatusCode};
use pganalytics_server::lake::Role;
use serde_json::json;
use uuid::Uuid;

use crate::backend::{Backend, batch, bearer, encode, request, rows};

#[tokio::test]
async fn a_batch_is_stored_once_and_visible_immediately() {
    let backend = Backend::start().await;
    let (collector, viewer) = (backend.collector().await, backend.api(Role::Viewer).await);
    let id = Uuid::new_v4();
    let body = batch(id, 1, &["db-1:5432", "db-2:5432"]);

    let reply = backend.ship(&collector, body.clone()).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.json(), json!({"collector": id, "sequence": 1, "duplicate": false, "rows": 2}));
    let reply = backend.ship(&collector, body).await;
    assert_eq!(reply.json(), json!({"collector": id, "sequence": 1, "duplicate": true, "rows": 2}));

    let count = backend.post("/api/v1/sql", &viewer, &json!({"query": "select count(*) from pganalytics_server"})).await;
    assert_eq!(count.json()["rows"], json!([[2]]));
    let servers = backend.get("/api/v1/servers", &viewer).await.json();
    let brief: Vec<_> = servers.as_array().unwrap().iter().map(|server| (server["name"].clone(), server["up"].clone())).collect();
    assert_eq!(brief, [(json!("db-1:5432"), json!(true)), (json!("db-2:5432"), json!(true))]);
    let collectors = backend.get("/api/v1/collectors", &viewer).await.json();
    assert_eq!((&collectors[0]["id"], &collectors[0]["sequence"], &collectors[0]["rows"]), (&json!(id), &json!(1), &json!(2)));
}

#[tokio::test]
async fn the_status_tells_what_to_do_with_a_batch() {
    let backend = Backend::start().await;
    let collector = backend.collector().await;
    let good = batch(Uuid::new_v4(), 1, &["db-1"]);

    let mut damaged = good.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    for body in [vec![], b"PGAB".to_vec(), b"select 1".to_vec(), damaged, good[..good.len() / 2].to_vec()] {
        let reply = backend.ship(&collector, body).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, "bad_batch"), "{}", reply.text());
    }

    let views = pganalytics_views::ViewSet::builtin().unwrap();
    let schema = pganalytics_views::schema(views.get("pganalytics_server").unwrap());
    let strange = rows(&schema, chrono::Utc::now().timestamp_micros(), &["db-1"]);
    let reply = backend.ship(&collector, encode(Uuid::new_v4(), 1, "pg_stat_tomorrow", strange)).await;
    assert_eq!((reply.status, &reply.json()["unknown"]), (StatusCode::OK, &json!(["pg_stat_tomorrow"])), "kept for a newer backend");

    let headers = [("authorization", bearer(&collector)), ("content-type", "application/json".into())];
    let headers: Vec<_> = headers.iter().map(|(name, value): &(&str, String)| (*name, value.as_str())).collect();
    let reply = backend.send(request(Method::POST, "/api/v1/ingest", &headers, good)).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let reply = backend.ship(&collector, vec![0; (16 << 20) + 1]).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
}

#[tokio::test]
async fn another_shared_token_cannot_ship_for_a_collector_until_an_admin_releases_it() {
    let backend = Backend::start().await;
    let (own, other, admin) = (backend.collector().await, backend.collector().await, backend.api(Role::Admin).await);
    let id = Uuid::new_v4();
    assert_eq!(backend.ship(&own, batch(id, 1, &["db-1"])).await.status, StatusCode::OK);
    let reply = backend.ship(&other, batch(id, 1_000_000, &["db-1"])).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "collector_bound"), "{}", reply.text());
    assert_eq!(backend.ship(&own, batch(id, 2, &["db-1"])).await.json()["duplicate"], false);
    let mark = backend.json(Method::POST, &format!("/api/v1/collectors/{id}/mark"), &admin, &json!({"sequence": 2})).await;
    assert_eq!(mark.status, StatusCode::NO_CONTENT);
    assert_eq!(backend.ship(&other, batch(id, 3, &["db-1"])).await.json()["duplicate"], false);
}
