//! The audit log.

use axum::http::{Method, StatusCode};
use pganalytics_server::ServerOptions;
use pganalytics_server::lake::Role;
use serde_json::json;

use crate::backend::{Backend, PASSWORD, log, logged};

#[tokio::test]
async fn changes_and_logins_are_logged_with_their_sender_and_address_but_no_secret() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let secret = "a-password-of-an-audited-user";
    let made = backend.post("/api/v1/users", &admin, &json!({"name": "audited", "role": "viewer", "password": secret})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(
        logged(&["created a user", "audited", "role=viewer", "by=\"api ", "http.method=\"POST\"", "client.address="]),
        1,
        "{}",
        log()
    );

    let session = backend.login("audited", secret).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(logged(&["logged in", "user.name=\"audited\""]), 1);
    assert_eq!(backend.login("audited", "a-wrong-guess").await.status, StatusCode::UNAUTHORIZED);
    assert!(logged(&["login failed"]) >= 1);
    assert_eq!(backend.post("/api/v1/auth/logout", &session, &json!(null)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(logged(&["logged out", "user.name=\"audited\""]), 1);

    let token = backend.post("/api/v1/tokens", &admin, &json!({"name": "of the audit", "kind": "api", "role": "viewer"})).await.json();
    assert_eq!(logged(&["created a token", "of the audit"]), 1);
    let path = format!("/api/v1/tokens/{}", token["id"]);
    assert_eq!(backend.json(Method::DELETE, &path, &admin, &json!(null)).await.status, StatusCode::NO_CONTENT);
    assert!(logged(&["revoked a token"]) >= 1);
    for secret in [secret, "a-wrong-guess", PASSWORD, &session, token["token"].as_str().unwrap()] {
        assert_eq!(log().matches(secret).count(), 0, "a secret is in the log");
    }
}

#[tokio::test]
async fn statements_are_logged_only_if_configured() {
    let statement = |marker: &str| json!({"query": format!("select 1 as {marker}")});
    let quiet = Backend::start().await;
    let token = quiet.api(Role::Viewer).await;
    assert_eq!(quiet.post("/api/v1/sql", &token, &statement("not_logged")).await.status, StatusCode::OK);
    assert!(!log().contains("not_logged"));

    let backend = Backend::with(ServerOptions { audit_statements: true, ..ServerOptions::default() }).await;
    let token = backend.api(Role::Viewer).await;
    assert_eq!(backend.post("/api/v1/sql", &token, &statement("is_logged")).await.status, StatusCode::OK);
    assert_eq!(logged(&["query", "statement=\"select 1 as is_logged\"", "by=\"api "]), 1, "{}", log());
}
