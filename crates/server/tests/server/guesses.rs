//! Guesses of passwords are slowed down, and lock out nobody who has a second proof.

use axum::http::{Method, StatusCode};
use pganalytics_server::ServerOptions;
use pganalytics_server::lake::Role;
use serde_json::json;

use crate::backend::{Backend, PASSWORD, Reply, bearer, request};

const WRONG: &str = "a wrong password";
/// The address that the guesser and the administrator share.
const SHARED: &str = "192.0.2.1";

/// A backend behind a proxy, so that a test can choose the client's address.
async fn backend() -> Backend {
    Backend::with(ServerOptions { trusted_proxy: true, ..ServerOptions::default() }).await
}

async fn login(backend: &Backend, address: &str, user: &str, password: &str, headers: &[(&str, &str)]) -> Reply {
    let body = json!({"username": user, "password": password}).to_string();
    let headers: Vec<_> = [("content-type", "application/json"), ("x-forwarded-for", address)].iter().chain(headers).copied().collect();
    backend.send(request(Method::POST, "/api/v1/auth/login", &headers, body)).await
}

/// Logs in as a browser does. Returns its cookies.
async fn browse(backend: &Backend, user: &str) -> (String, String) {
    let reply = login(backend, SHARED, user, PASSWORD, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
    let [session, device] = &cookies[..] else { panic!("{cookies:?}") };
    assert!(session.starts_with("pganalytics_session=pga_s_") && device.starts_with("pganalytics_device=pga_d_"), "{cookies:?}");
    assert!(device.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"), "{device}");
    let pair = |cookie: &str| cookie.split(';').next().unwrap().to_owned();
    (pair(session), pair(device))
}

/// Guesses at a user until the backend refuses a guess.
async fn guess(backend: &Backend, user: &str) {
    for _ in 0..5 {
        assert_eq!(login(backend, SHARED, user, WRONG, &[]).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(login(backend, SHARED, user, WRONG, &[]).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_user_logs_in_while_others_are_guessed_from_the_same_address() {
    let backend = backend().await;
    for at in 0..33 {
        let reply = login(&backend, SHARED, &format!("user {at}"), WRONG, &[]).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "guess {at}: delayed, not refused");
    }
    let reply = login(&backend, SHARED, "admin", PASSWORD, &[]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
}

#[tokio::test]
async fn guesses_lock_out_nobody_with_a_second_proof() {
    let backend = backend().await;
    let admin = backend.api(Role::Admin).await;
    for name in ["eve", "bob"] {
        let new = json!({"name": name, "role": "viewer", "password": PASSWORD});
        assert_eq!(backend.post("/api/v1/users", &admin, &new).await.status, StatusCode::CREATED);
    }
    let (session, device) = browse(&backend, "admin").await;
    let (others_session, others_device) = browse(&backend, "eve").await;
    guess(&backend, "admin").await;

    // Nothing that the guesser may have helps: only the password, another user's proofs, or a token with fewer rights.
    let viewer = bearer(&backend.api(Role::Viewer).await);
    let unknown = format!("pganalytics_device=pga_d_{}", "0".repeat(64));
    let none: &[(&str, &str)] = &[];
    for headers in
        [none, &[("cookie", &others_session)], &[("cookie", &others_device)], &[("cookie", &unknown)], &[("authorization", &viewer)]]
    {
        let reply = login(&backend, SHARED, "admin", PASSWORD, headers).await;
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS, "{headers:?}");
        let wait: u64 = reply.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }

    let token = bearer(session.split_once('=').unwrap().1);
    let admin = bearer(&admin);
    for headers in [[("cookie", device.as_str())], [("authorization", &token)], [("authorization", &admin)]] {
        let reply = login(&backend, SHARED, "admin", PASSWORD, &headers).await;
        assert_eq!(reply.status, StatusCode::OK, "{headers:?}: {}", reply.text());
    }
    // The open session does everything as before.
    let headers = [("cookie", session.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    let body = json!({"name": "made meanwhile", "kind": "api", "role": "viewer"}).to_string();
    assert_eq!(backend.send(request(Method::POST, "/api/v1/tokens", &headers, body)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_browsers_own_failures_count_and_its_cookie_stays_the_same() {
    let backend = backend().await;
    let (_, device) = browse(&backend, "admin").await;
    let headers = [("cookie", device.as_str()), ("sec-fetch-site", "same-origin")];
    let again = login(&backend, "198.51.100.7", "admin", PASSWORD, &headers).await;
    assert!(again.headers.get_all("set-cookie").iter().any(|cookie| cookie.to_str().unwrap().starts_with(&device)), "{:?}", again.headers);
    for _ in 0..5 {
        assert_eq!(login(&backend, SHARED, "admin", WRONG, &headers).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(login(&backend, SHARED, "admin", PASSWORD, &headers).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(login(&backend, SHARED, "admin", PASSWORD, &[]).await.status, StatusCode::OK, "the address has no failures");
    // A browser's token is no access.
    let reply = backend.send(request(Method::GET, "/api/v1/auth/me", &[("cookie", &device)], "")).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guesses_from_many_networks_are_slowed_down_except_where_the_user_is_known() {
    let backend = backend().await;
    assert_eq!(login(&backend, SHARED, "admin", PASSWORD, &[]).await.status, StatusCode::OK);
    let mut statuses = Vec::new();
    for at in 0..24 {
        statuses.push(login(&backend, &format!("198.51.100.{at}"), "admin", WRONG, &[]).await.status);
    }
    assert!(statuses[..20].iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{statuses:?}");
    assert!(statuses[20..].contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    assert_eq!(login(&backend, SHARED, "admin", PASSWORD, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_addresses_of_an_ipv6_network_count_as_one() {
    let backend = backend().await;
    let guess = async |address: String| login(&backend, &address, "admin", WRONG, &[]).await.status;
    for at in 0..5 {
        assert_eq!(guess(format!("2001:db8:1:2:{at}::1")).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(guess("2001:db8:1:2:ffff::1".into()).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(guess("2001:db8:1:3::1".into()).await, StatusCode::UNAUTHORIZED, "another network");
}
