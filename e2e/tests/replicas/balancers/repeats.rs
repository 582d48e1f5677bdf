//! Large bodies, and requests that the balancer repeats on another backend.

use std::sync::Arc;

use anyhow::Result;
use e2e::servers::Balancer;
use e2e::servers::balancer::{BACKENDS, Software};
use e2e::wait::{PATIENCE, until};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::stream::three;

/// A body of the largest size for a batch reaches the backend: the backend answers that it is no batch, not that it is too large.
pub(super) async fn a_body_of_16_mib_passes(software: Software) -> Result<()> {
    let (backends, balancer) = three(software).await?;
    for backend in &backends[1..] {
        backend.terminate()?;
    }
    let token = backends[0].collector_token("large").await?;
    let send = async || {
        let request = balancer.api.client().post(format!("{}/api/v1/ingest", balancer.api.url)).bearer_auth(&token);
        let answer = request.header("content-type", "application/vnd.pganalytics.batch").body(vec![0_u8; 16 << 20]).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        // The other backends do not know the token.
        Ok((status != StatusCode::UNAUTHORIZED).then_some((status, text)))
    };
    let (status, text) = until("the backend that knows the token to be the only one", PATIENCE, send).await?;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    Ok(())
}

/// Three servers that are ready, read a whole request, and close without an answer: the client cannot know whether the request was handled. Returns their
/// ports and the first lines of the requests.
async fn three_that_break_off() -> Result<([u16; BACKENDS], Arc<Mutex<Vec<String>>>)> {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let mut ports = [0; BACKENDS];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        *port = listener.local_addr()?.port();
        let requests = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let requests = Arc::clone(&requests);
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let length = stream.read(&mut head).await.unwrap_or_default();
                    let line = String::from_utf8_lossy(&head[..length]).lines().next().unwrap_or_default().to_owned();
                    if line.contains("/readyz") || line.contains("/livez") {
                        // Fails if the check has given up.
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
                    } else if !line.is_empty() {
                        requests.lock().await.push(line);
                    }
                });
            }
        });
    }
    Ok((ports, requests))
}

pub(super) async fn only_safe_requests_are_repeated(software: Software) -> Result<()> {
    for (method, path, repeated) in [
        (Method::POST, "/api/v1/auth/login", false),
        (Method::POST, "/api/v1/users", false),
        // nginx repeats requests that HTTP calls idempotent: twice has the same effect as once.
        (Method::DELETE, "/api/v1/tokens/1", software == Software::Nginx),
        (Method::GET, "/api/v1/servers", true),
        (Method::POST, "/api/v1/sql", true),
        (Method::POST, "/api/v1/ingest", true),
    ] {
        let (ports, requests) = three_that_break_off().await?;
        let balancer = Balancer::start(software, ports).await?;
        let (status, _) = balancer.api.ask(method.clone(), path, Some(&json!({}))).await?;
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{method} {path}");
        let requests = requests.lock().await;
        assert_eq!(requests.len() > 1, repeated, "{method} {path} was sent {} times: {requests:?}", requests.len());
    }
    Ok(())
}
