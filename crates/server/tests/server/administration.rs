//! Users, tokens and retention.

use axum::http::{Method, StatusCode};
use pganalytics_server::lake::Role;
use serde_json::json;

use crate::backend::{Backend, PASSWORD};

#[tokio::test]
async fn a_revoked_token_is_refused_immediately() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let made = backend.post("/api/v1/tokens", &admin, &json!({"name": "grafana", "kind": "api", "role": "viewer"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(backend.get("/api/v1/servers", token).await.status, StatusCode::OK);

    let listed = backend.get("/api/v1/tokens", &admin).await;
    assert!(!listed.text().contains(token), "the list contains no token");
    let listed = listed.json();
    let entry = listed.as_array().unwrap().iter().find(|entry| entry["name"] == "grafana").unwrap().clone();
    assert_eq!((&entry["kind"], &entry["role"], &entry["revoked"]), (&json!("api"), &json!("viewer"), &json!(null)));
    assert!(entry["last_used"].is_string(), "{entry}");

    let path = format!("/api/v1/tokens/{}", made["id"]);
    assert_eq!(backend.json(Method::DELETE, &path, &admin, &json!(null)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(backend.get("/api/v1/servers", token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(backend.json(Method::DELETE, &path, &admin, &json!(null)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(backend.json(Method::DELETE, "/api/v1/tokens/x", &admin, &json!(null)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn invalid_tokens_cannot_be_created() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let make = async |body| backend.post("/api/v1/tokens", &admin, &body).await.status;
    assert_eq!(make(json!({"name": "a", "kind": "collector"})).await, StatusCode::CREATED);
    assert_eq!(make(json!({"name": "a", "kind": "collector"})).await, StatusCode::CONFLICT);
    assert_eq!(make(json!({"name": "b", "kind": "collector", "role": "admin"})).await, StatusCode::BAD_REQUEST);
    assert_eq!(make(json!({"name": "b", "kind": "api", "expires": "2001-01-01T00:00:00Z"})).await, StatusCode::BAD_REQUEST);
    assert_eq!(make(json!({"name": "b", "kind": "robot"})).await, StatusCode::BAD_REQUEST);
    assert_eq!(make(json!({"name": "", "kind": "api"})).await, StatusCode::BAD_REQUEST);
    assert_eq!(make(json!({"name": "b", "kind": "api", "admin": true})).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_user_is_created_changed_disabled_and_deleted() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let change = async |body| backend.json(Method::PATCH, "/api/v1/users/alice", &admin, &body).await.status;
    let new = json!({"name": "alice", "role": "viewer", "password": PASSWORD});
    assert_eq!(
        backend.post("/api/v1/users", &admin, &json!({"name": "alice", "role": "viewer", "password": "short"})).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(backend.post("/api/v1/users", &admin, &new).await.status, StatusCode::CREATED);
    assert_eq!(backend.post("/api/v1/users", &admin, &new).await.status, StatusCode::CONFLICT);

    let session = backend.login("alice", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(backend.get("/api/v1/users", &session).await.status, StatusCode::FORBIDDEN);
    assert_eq!(change(json!({"role": "admin"})).await, StatusCode::NO_CONTENT);
    assert_eq!(backend.get("/api/v1/users", &session).await.status, StatusCode::OK, "a new role applies immediately");

    assert_eq!(change(json!({"password": "a whole new password"})).await, StatusCode::NO_CONTENT);
    assert_eq!(backend.get("/api/v1/users", &session).await.status, StatusCode::UNAUTHORIZED, "a new password ends sessions");
    let session = backend.login("alice", "a whole new password").await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(change(json!({"disabled": true})).await, StatusCode::NO_CONTENT);
    assert_eq!(backend.get("/api/v1/users", &session).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(backend.login("alice", "a whole new password").await.status, StatusCode::UNAUTHORIZED);

    assert_eq!(backend.json(Method::DELETE, "/api/v1/users/alice", &admin, &json!(null)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(backend.json(Method::DELETE, "/api/v1/users/alice", &admin, &json!(null)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(change(json!({"role": "viewer"})).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_last_admin_cannot_be_changed() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    for body in [json!({"role": "viewer"}), json!({"disabled": true})] {
        let reply = backend.json(Method::PATCH, "/api/v1/users/admin", &admin, &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::CONFLICT, "conflict"), "{body}");
    }
    let reply = backend.json(Method::DELETE, "/api/v1/users/admin", &admin, &json!(null)).await;
    assert_eq!(reply.status, StatusCode::CONFLICT);
    assert_eq!(backend.login("admin", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_retention_is_replaced_as_a_whole_or_not_at_all() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let path = "/api/v1/settings/retention";
    let put = async |body| backend.json(Method::PUT, path, &admin, &body).await;
    let first = backend.get(path, &admin).await.json();
    assert_eq!(first["setting"], json!({"raw": null, "5m": null, "1h": null, "facts": null, "tables": {}}));
    assert_eq!(first["days"], json!({"raw": 30, "5m": 400, "1h": 1827, "facts": 1827}));

    let set = put(json!({"raw": 7, "tables": {"pg_stat_activity_5m": 90}})).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text());
    assert_eq!(set.json()["days"], json!({"raw": 7, "5m": 400, "1h": 1827, "facts": 1827}));
    assert_eq!(backend.get(path, &admin).await.json(), set.json());

    for (body, said) in [
        (json!({"raw": 0}), "raw: 0 days is out of range; set 1 to 36525 days"),
        (json!({"tables": {"pg_stat_activity": 40_000}}), "pg_stat_activity: 40000 days is out of range"),
        (json!({"tables": {"pg_stat_activty": 3}}), "did you mean 'pg_stat_activity'?"),
        (json!({"rwa": 3}), "rwa"),
    ] {
        let refused = put(body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.text().contains(said), "{}", refused.text());
    }
    assert_eq!(backend.get(path, &admin).await.json(), set.json());
    let viewer = backend.api(Role::Viewer).await;
    assert_eq!(backend.get(path, &viewer).await.json(), set.json(), "viewers may read the retention");
    assert_eq!(backend.json(Method::PUT, path, &viewer, &json!({})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(put(json!({})).await.json(), first);
}
