//! Refusals in the audit log: with account, address and cause, and never a flood.

use axum::http::{Method, StatusCode};
use pganalytics_server::ServerOptions;
use pganalytics_server::lake::Role;
use serde_json::json;

use crate::backend::{Backend, PASSWORD, logged, request};

#[tokio::test]
async fn a_failed_login_is_logged_with_account_address_and_cause_but_without_what_was_typed() {
    let backend = Backend::with(ServerOptions { trusted_proxy: true, ..ServerOptions::default() }).await;
    let admin = backend.api(Role::Admin).await;
    for name in ["refused-user", "disabled-user"] {
        let new = json!({"name": name, "role": "viewer", "password": PASSWORD});
        assert_eq!(backend.post("/api/v1/users", &admin, &new).await.status, StatusCode::CREATED);
    }
    backend.json(Method::PATCH, "/api/v1/users/disabled-user", &admin, &json!({"disabled": true})).await;
    let login = async |user: &str, password: &str| {
        let body = json!({"username": user, "password": password}).to_string();
        let headers = [("content-type", "application/json"), ("x-forwarded-for", "10.1.1.1, 203.0.113.77")];
        backend.send(request(Method::POST, "/api/v1/auth/login", &headers, body)).await.status
    };
    for (user, password, words) in [
        ("refused-user", "typed-password", &["by=\"refused-user\"", "cause=\"wrong password\""] as &[_]),
        ("disabled-user", PASSWORD, &["by=\"disabled-user\"", "cause=\"the user is disabled\""]),
        ("typed-into-the-wrong-field", "x", &["cause=\"no such user\""]),
    ] {
        assert_eq!(login(user, password).await, StatusCode::UNAUTHORIZED);
        let words = [&["WARN", "login failed", "client.address=203.0.113.77", "error.code=\"bad_credentials\""], words].concat();
        assert_eq!(logged(&words), 1, "{words:?}");
    }
    for _ in 0..5 {
        login("refused-user", "typed-password").await;
    }
    assert_eq!(logged(&["login refused: too many failed attempts", "by=\"refused-user\"", "client.address=203.0.113.77"]), 1);
    for secret in ["typed-password", "typed-into-the-wrong-field"] {
        assert_eq!(logged(&[secret]), 0, "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_refused_request_is_logged_with_its_sender_and_cause() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let make = async |name: &str, kind: &str| backend.post("/api/v1/tokens", &admin, &json!({"name": name, "kind": kind})).await.json();
    let token = make("refused viewer", "api").await;
    let viewer = token["token"].as_str().unwrap();
    assert_eq!(backend.get("/api/v1/users", viewer).await.status, StatusCode::FORBIDDEN);
    assert_eq!(logged(&["request refused", "by=\"refused viewer\"", "cause=\"this requires the role admin\"", "http.status=403"]), 1);
    assert_eq!(backend.ship(viewer, vec![1]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(logged(&["by=\"refused viewer\"", "error.code=\"wrong_token\"", "http.route=\"/api/v1/ingest\""]), 1);
    let enrolment = make("refused enrolment", "enrolment").await;
    assert_eq!(backend.get("/api/v1/users", enrolment["token"].as_str().unwrap()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(logged(&["by=\"refused enrolment\"", "an enrolment token can only be exchanged for a credential"]), 1);

    let path = format!("/api/v1/tokens/{}", token["id"]);
    assert_eq!(backend.json(Method::DELETE, &path, &admin, &json!(null)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(backend.get("/api/v1/users", viewer).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(logged(&["WARN", "by=\"refused viewer\"", "cause=\"the token is revoked\"", "http.status=401"]), 1);
    let unknown = format!("pga_a_{}", "f".repeat(64));
    assert_eq!(backend.get("/api/v1/settings/retention", &unknown).await.status, StatusCode::UNAUTHORIZED);
    assert!(logged(&["WARN", "cause=\"unknown token\"", "http.route=\"/api/v1/settings/retention\""]) >= 1);
    // The pages of the UI ask without credentials before each login.
    let reply = backend.send(request(Method::GET, "/api/v1/settings/retention", &[], "")).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(logged(&["WARN", "log in first", "http.route=\"/api/v1/settings/retention\""]), 0);
    assert!(logged(&["INFO", "log in first", "http.route=\"/api/v1/settings/retention\""]) >= 1);
    assert_eq!(logged(&[viewer]) + logged(&[&unknown]), 0, "a token is in the log");
}

#[tokio::test]
async fn repeated_refusals_are_summed_and_counted() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let token = backend.post("/api/v1/tokens", &admin, &json!({"name": "the repeater", "kind": "api"})).await.json();
    for _ in 0..50 {
        assert_eq!(backend.get("/api/v1/users", token["token"].as_str().unwrap()).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(logged(&["request refused", "by=\"the repeater\""]), 1, "one line for 50 refusals");
    backend.app.drain();
    assert_eq!(logged(&["request refused", "by=\"the repeater\"", "repeated=49"]), 1, "the others as a number");
    let metrics = backend.get("/metrics", &admin).await.text();
    assert!(metrics.contains("pganalytics_refusals_total{code=\"forbidden\"} 50\n"), "{metrics}");
}
