//! The files of the web UI.

use axum::http::{Method, StatusCode};
use pganalytics_server::ServerOptions;

use crate::backend::{Backend, Reply, request};

/// A backend with a UI of three files.
async fn built() -> (Backend, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    std::fs::write(folder.path().join("index.html"), "<!doctype html><head><title>pgAnalytics</title></head>").unwrap();
    std::fs::write(folder.path().join("assets/app-abc123.js"), "console.log(1);".repeat(200)).unwrap();
    std::fs::write(folder.path().join("favicon.svg"), "<svg/>").unwrap();
    let backend = Backend::with(ServerOptions { ui: Some(folder.path().to_owned()), ..ServerOptions::default() }).await;
    (backend, folder)
}

async fn get(backend: &Backend, path: &str, headers: &[(&str, &str)]) -> Reply {
    backend.send(request(Method::GET, path, headers, "")).await
}

#[tokio::test]
async fn without_a_built_ui_there_is_a_page_with_build_instructions() {
    let empty = tempfile::tempdir().unwrap();
    let backend = Backend::with(ServerOptions { ui: Some(empty.path().to_owned()), ..ServerOptions::default() }).await;
    for path in ["/", "/servers/db-1:5432"] {
        let reply = get(&backend, path, &[]).await;
        assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
        assert!(reply.text().contains("npm run build"));
        assert_eq!(reply.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let (backend, _folder) = built().await;
    for path in ["/", "/assets/app-abc123.js", "/api/v1/health", "/api/v1/servers", "/api/v1/nothing"] {
        let reply = get(&backend, path, &[]).await;
        let csp = reply.header("content-security-policy");
        assert!(csp.contains("default-src 'self'") && csp.contains("frame-ancestors 'none'"), "{path}: {csp}");
        assert!(!csp.contains("script-src"), "default-src 'self' covers scripts");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(reply.header("referrer-policy"), "same-origin", "{path}");
    }
}

#[tokio::test]
async fn files_with_a_hash_are_cached_and_the_page_is_revalidated() {
    let (backend, _folder) = built().await;
    let script = get(&backend, "/assets/app-abc123.js", &[]).await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    for path in ["/", "/index.html", "/queries"] {
        let page = get(&backend, path, &[]).await;
        assert_eq!(page.header("cache-control"), "no-cache", "{path}");
        assert!(page.text().contains("<title>pgAnalytics</title>"), "{path}");
        let again = get(&backend, path, &[("if-none-match", page.header("etag"))]).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
    }
    let deep = get(&backend, "/servers/db-1:5432/queries", &[]).await;
    assert!(deep.text().contains("<head><base href=\"../../\">"), "{}", deep.text());
}

#[tokio::test]
async fn missing_files_and_api_paths_are_not_found() {
    let (backend, _folder) = built().await;
    let reply = get(&backend, "/assets/gone-123.js", &[]).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND, "an old page must not get a page instead of a script");
    for path in ["/api", "/api/", "/api/v1/nothing", "/api/v2/sql"] {
        let reply = get(&backend, path, &[]).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }
    for (method, path) in [(Method::POST, "/"), (Method::DELETE, "/queries"), (Method::PUT, "/api/v1/sql"), (Method::GET, "/api/v1/sql")] {
        let reply = backend.send(request(method.clone(), path, &[], "")).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"), "{method} {path}");
        assert!(!reply.header("allow").is_empty(), "{method} {path}");
    }
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/assets/..%2f..%2fetc%2fpasswd"] {
        let reply = get(&backend, path, &[]).await;
        assert!(!reply.text().contains("root:") && !reply.text().contains("[package]"), "{path}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let (backend, _folder) = built().await;
    for path in ["/", "/assets/app-abc123.js", "/api/v1/health"] {
        let reply = backend.send(request(Method::HEAD, path, &[], "")).await;
        assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 0), "{path}");
        assert!(!reply.header("content-type").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn scripts_are_compressed() {
    let (backend, _folder) = built().await;
    let reply = get(&backend, "/assets/app-abc123.js", &[("accept-encoding", "gzip")]).await;
    assert_eq!(reply.header("content-encoding"), "gzip");
    assert!(reply.body.len() < 1000);
}
