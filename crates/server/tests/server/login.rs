//! Logins, sessions and roles.

use axum::http::{Method, StatusCode};
use pganalytics_server::ServerOptions;
use pganalytics_server::lake::Role;
use serde_json::json;

use crate::backend::{Backend, PASSWORD, bearer, request};

/// The routes that need no login.
const PUBLIC: [&str; 4] = ["/api/v1/health", "/livez", "/readyz", "/api/v1/auth/login"];

#[tokio::test]
async fn all_routes_except_public_ones_answer_401_without_a_login() {
    let backend = Backend::start().await;
    let document = serde_json::to_value(pganalytics_server::document()).unwrap();
    let unknown = format!("pga_a_{}", "0".repeat(64));
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let public = PUBLIC.contains(&path.as_str());
            let concrete = path.replace("{name}", "admin").replace("{id}", "1");
            for authorization in ["", "Bearer ", "Bearer nonsense", "Basic YWRtaW46YWRtaW4=", &bearer(&unknown)] {
                let headers = [("authorization", authorization), ("content-type", "application/json")];
                let reply = backend.send(request(method.clone(), &concrete, &headers, "{}")).await;
                let refused = reply.status == StatusCode::UNAUTHORIZED;
                assert_eq!(refused, !public, "{method} {path} with '{authorization}': {}", reply.status);
                if refused {
                    assert_eq!(reply.code(), "unauthenticated");
                    assert!(reply.header("www-authenticate").starts_with("Bearer"), "{path}");
                }
            }
            assert_eq!(operation["security"] == json!([{}]), public, "{method} {path}: the security in the document");
            seen += 1;
        }
    }
    assert!(seen >= 18, "only {seen} routes are documented");
}

#[tokio::test]
async fn each_role_has_its_permissions() {
    let backend = Backend::start().await;
    let (viewer, editor, admin) = (backend.api(Role::Viewer).await, backend.api(Role::Editor).await, backend.api(Role::Admin).await);
    let collector = backend.collector().await;
    let reading = ["/api/v1/servers", "/api/v1/views", "/api/v1/collectors", "/api/v1/auth/me", "/api/v1/openapi.json", "/metrics"];
    for path in reading {
        for token in [&viewer, &editor, &admin] {
            assert_eq!(backend.get(path, token).await.status, StatusCode::OK, "{path}");
        }
        let reply = backend.get(path, &collector).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "wrong_token"), "{path}");
    }
    for path in ["/api/v1/users", "/api/v1/tokens"] {
        assert_eq!(backend.get(path, &admin).await.status, StatusCode::OK, "{path}");
        for token in [&viewer, &editor] {
            let reply = backend.get(path, token).await;
            assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"), "{path}");
            let reply = backend.post(path, token, &json!({})).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}: the role is checked before the body is read");
        }
    }
    for (method, path) in
        [(Method::PATCH, "/api/v1/users/admin"), (Method::DELETE, "/api/v1/users/admin"), (Method::DELETE, "/api/v1/tokens/1")]
    {
        let reply = backend.json(method.clone(), path, &editor, &json!({})).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    for token in [&viewer, &admin] {
        let reply = backend.ship(token, vec![1, 2, 3]).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "wrong_token"));
    }
}

#[tokio::test]
async fn a_session_lasts_from_login_to_logout() {
    let backend = Backend::start().await;
    let reply = backend.login("admin", PASSWORD).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let body = reply.json();
    assert_eq!((&body["user"]["name"], &body["user"]["role"]), (&json!("admin"), &json!("admin")));
    assert_eq!(reply.header("cache-control"), "no-store");
    let token = body["token"].as_str().unwrap();
    assert_eq!(backend.get("/api/v1/auth/me", token).await.json()["name"], "admin");

    let cookie = format!("pganalytics_session={token}");
    let me = backend.send(request(Method::GET, "/api/v1/auth/me", &[("cookie", &cookie)], "")).await;
    assert_eq!(me.json()["expires"], body["expires"]);

    let logout = backend.send(request(Method::POST, "/api/v1/auth/logout", &[("cookie", &cookie)], "")).await;
    assert_eq!(logout.status, StatusCode::NO_CONTENT);
    assert!(logout.header("set-cookie").contains("Max-Age=0"), "{}", logout.header("set-cookie"));
    assert_eq!(backend.get("/api/v1/auth/me", token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_cookie_is_http_only_same_site_and_secure_over_https() {
    let plain = Backend::start().await;
    let https = [("content-type", "application/json"), ("x-forwarded-proto", "https")];
    let login = json!({"username": "admin", "password": PASSWORD}).to_string();
    let reply = plain.send(request(Method::POST, "/api/v1/auth/login", &https, login.clone())).await;
    let (name, attributes) = reply.header("set-cookie").split_once("; ").unwrap();
    assert!(name.starts_with("pganalytics_session=pga_s_"), "{name}");
    assert_eq!(attributes, "Path=/; Max-Age=604800; HttpOnly; SameSite=Strict", "without a trusted proxy x-forwarded-proto is ignored");

    let proxied = Backend::with(ServerOptions { trusted_proxy: true, ..ServerOptions::default() }).await;
    let reply = proxied.send(request(Method::POST, "/api/v1/auth/login", &https, login)).await;
    assert!(reply.header("set-cookie").ends_with("; Secure"), "{}", reply.header("set-cookie"));
}

#[tokio::test]
async fn an_expired_session_is_refused() {
    let backend = Backend::with(ServerOptions { session_lifetime: std::time::Duration::ZERO, ..ServerOptions::default() }).await;
    let token = backend.login("admin", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(backend.get("/api/v1/auth/me", &token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_cookie_is_refused_for_changes_by_pages_of_other_origins() {
    let backend = Backend::start().await;
    let token = backend.login("admin", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let cookie = format!("pganalytics_session={token}");
    let body = json!({"name": "t", "kind": "collector"}).to_string();
    let host = ("host", "db.example");
    let json = ("content-type", "application/json");
    let send = async |headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", cookie.as_str()), host]).collect();
        backend.send(request(Method::POST, "/api/v1/tokens", &headers, body.clone())).await
    };
    for foreign in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "http://evil.example"), ("origin", "null")]
    {
        let reply = send(&[foreign, json]).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "cross_origin"), "{foreign:?}");
    }
    let reply = send(&[("sec-fetch-site", "same-origin"), ("content-type", "text/plain")]).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "a content type that forms can send");
    assert_eq!(send(&[("sec-fetch-site", "same-origin"), json]).await.status, StatusCode::CREATED);
    assert_eq!(send(&[("origin", "http://db.example"), json]).await.status, StatusCode::CONFLICT, "accepted; the name already exists");

    let headers = [("authorization", bearer(&token)), ("origin", "http://evil.example".to_owned())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).chain([json]).collect();
    let reply = backend.send(request(Method::POST, "/api/v1/sql", &headers, json!({"query": "select 1"}).to_string())).await;
    assert_eq!(reply.status, StatusCode::OK, "bearer tokens are accepted from any origin");

    let reply = backend
        .send(request(
            Method::POST,
            "/api/v1/auth/login",
            &[json, ("sec-fetch-site", "cross-site")],
            json!({"username": "admin", "password": PASSWORD}).to_string(),
        ))
        .await;
    assert_eq!(reply.code(), "cross_origin", "pages of other origins cannot log in");
}

#[tokio::test]
async fn only_sessions_are_accepted_as_cookies() {
    let backend = Backend::start().await;
    let token = backend.api(Role::Admin).await;
    let cookie = format!("pganalytics_session={token}");
    let reply = backend.send(request(Method::GET, "/api/v1/users", &[("cookie", &cookie)], "")).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn unknown_users_disabled_users_and_wrong_passwords_get_the_same_answer() {
    let backend = Backend::start().await;
    let admin = backend.api(Role::Admin).await;
    let new = json!({"name": "eve", "role": "viewer", "password": PASSWORD});
    assert_eq!(backend.post("/api/v1/users", &admin, &new).await.status, StatusCode::CREATED);
    backend.json(Method::PATCH, "/api/v1/users/eve", &admin, &json!({"disabled": true})).await;

    let wrong = backend.login("admin", "a wrong password").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (StatusCode::UNAUTHORIZED, "bad_credentials"));
    for reply in
        [backend.login("nobody", PASSWORD).await, backend.login("eve", PASSWORD).await, backend.login(&"x".repeat(10_000), "x").await]
    {
        assert_eq!((reply.status, &reply.body), (wrong.status, &wrong.body));
        assert!(reply.header("set-cookie").is_empty());
    }
}

#[tokio::test]
async fn after_several_failures_even_the_correct_password_must_wait() {
    let backend = Backend::start().await;
    for _ in 0..5 {
        assert_eq!(backend.login("admin", "a wrong password").await.status, StatusCode::UNAUTHORIZED);
    }
    for password in ["a wrong password", PASSWORD] {
        let reply = backend.login("admin", password).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"));
        assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
    let reply = backend.login("another user", "a wrong password").await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "another user does not wait");
}

#[tokio::test]
async fn a_login_must_be_valid_json() {
    let backend = Backend::start().await;
    let send = async |content_type: &str, body: String| {
        backend.send(request(Method::POST, "/api/v1/auth/login", &[("content-type", content_type)], body)).await.status
    };
    let good = json!({"username": "admin", "password": PASSWORD}).to_string();
    assert_eq!(send("application/x-www-form-urlencoded", good.clone()).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(send("application/json; charset=utf-8", good).await, StatusCode::OK);
    assert_eq!(send("application/json", "{".into()).await, StatusCode::BAD_REQUEST);
    assert_eq!(
        send("application/json", json!({"username": "a", "password": "b", "role": "admin"}).to_string()).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(send("application/json", format!("\"{}\"", "x".repeat(2 << 20))).await, StatusCode::PAYLOAD_TOO_LARGE);
}
