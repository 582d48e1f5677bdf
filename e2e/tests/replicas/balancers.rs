//! The load balancers' files of `deploy/`, as users get them, in front of three backends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use e2e::drive::backend::{ADMIN, Api, Backend, PASSWORD, Settings};
use e2e::machine::certificate::Certificate;
use e2e::servers::balancer::{BACKENDS, Balancer, Inner, Software};
use e2e::wait::{PATIENCE, until};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// Longer than the interval at which HAProxy asks, by much: the machine may be busy.
const DRAIN_DELAY: &str = "5s";
/// Requests under way at a time while something dies.
const CLIENTS: usize = 4;

/// Each backend with a folder of its own: no cluster, but every one answers for itself.
async fn three(software: Software) -> Result<(Vec<Backend>, Balancer)> {
    let settings = Settings::flags(&["--trusted-proxy", "--drain-delay", DRAIN_DELAY]);
    let mut backends = Vec::new();
    for _ in 0..BACKENDS {
        backends.push(Backend::start_with(settings.clone()).await?);
    }
    let ports: [u16; BACKENDS] = std::array::from_fn(|at| backends[at].port);
    let balancer = Balancer::start(software, ports).await?;
    serving(&balancer).await?;
    Ok((backends, balancer))
}

/// Waits until the balancer has found a backend ready.
async fn serving(balancer: &Balancer) -> Result<()> {
    until("an answer through the balancer", PATIENCE, async || balancer.api.request(Method::GET, "/api/v1/health", None).await.map(Some))
        .await?;
    Ok(())
}

/// Asks without a pause until stopped: how many answers were good, and what the others were.
struct Stream {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Stream {
    fn start(api: &Api) -> Self {
        let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let ask = |at: usize| {
            let (api, stop, good) = (api.clone(), stop.clone(), good.clone());
            async move {
                let mut failures = Vec::new();
                let statement = json!({"query": "select 1"});
                while !stop.load(Ordering::Relaxed) {
                    // SQL, which is a POST, without a login of this backend: 401 is its answer and no failure of the balancer's.
                    let (method, path, body, expected) = if at.is_multiple_of(2) {
                        (Method::GET, "/api/v1/health", None, StatusCode::OK)
                    } else {
                        (Method::POST, "/api/v1/sql", Some(&statement), StatusCode::UNAUTHORIZED)
                    };
                    match api.ask(method, path, body).await {
                        Ok((status, _)) if status == expected => {
                            good.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok((status, body)) => failures.push(format!("{path} answered {status}: {body}")),
                        Err(error) => failures.push(format!("{error:#}")),
                    }
                }
                failures
            }
        };
        let tasks = (0..CLIENTS).map(|at| tokio::spawn(ask(at))).collect();
        Self { stop, good, tasks }
    }

    /// Waits for so many more good answers.
    async fn more(&self, count: usize) -> Result<()> {
        let target = self.good.load(Ordering::Relaxed) + count;
        until("more answers", PATIENCE, async || Ok((self.good.load(Ordering::Relaxed) >= target).then_some(()))).await
    }

    /// Ends it: no answer may have been bad.
    async fn end(self, balancer: &Balancer) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            let failures = task.await?;
            ensure!(failures.is_empty(), "{} failures, the first: {}\n{}", failures.len(), failures[0], last_lines(&balancer.log()));
        }
        Ok(())
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

async fn plain_http_is_sent_to_https(software: Software) -> Result<()> {
    let (_backends, balancer) = three(software).await?;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    // Wherever the request says it goes, the answer names the host that the file names.
    let request = client.post(format!("http://127.0.0.1:{}/api/v1/sql?a=b", balancer.http)).header("host", "evil.example").body("x");
    let answer = request.send().await?;
    assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
    let location = answer.headers()["location"].to_str()?;
    assert_eq!(location, format!("https://127.0.0.1:{}/api/v1/sql?a=b", balancer.https));
    let health = balancer.api.request(Method::GET, "/api/v1/health", None).await?;
    assert_eq!(health["status"], json!("ok"));
    Ok(())
}

/// What a TLS client finds: openssl's own report.
fn handshake(balancer: &Balancer, arguments: &[&str]) -> Result<String> {
    let mut command = std::process::Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{}", balancer.https), "-CAfile"]).arg(&balancer.certificate.authority);
    let output = command.args(arguments).stdin(std::process::Stdio::null()).output().context("run openssl")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

async fn tls_is_new_and_speaks_http2(software: Software) -> Result<()> {
    let (_backends, balancer) = three(software).await?;
    let modern = handshake(&balancer, &["-alpn", "h2,http/1.1"])?;
    for expected in ["TLSv1.3", "ALPN protocol: h2", "Verify return code: 0 (ok)"] {
        assert!(modern.contains(expected), "{expected} is missing: {modern}");
    }
    assert!(handshake(&balancer, &["-tls1_2"])?.contains("Verify return code: 0 (ok)"));
    // The oldest that openssl still offers when it is asked to lower its guard.
    let old = handshake(&balancer, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])?;
    assert!(old.contains("alert protocol version") && old.contains("Cipher is (NONE)"), "TLS 1.1 was taken: {old}");
    Ok(())
}

async fn a_killed_backend_costs_no_client_an_error(software: Software) -> Result<()> {
    let (mut backends, balancer) = three(software).await?;
    let stream = Stream::start(&balancer.api);
    stream.more(50).await?;
    for backend in &mut backends {
        backend.kill();
        stream.more(100).await?;
        backend.run().await?;
        // It is asked again before the next one dies: its own figures say so.
        let before = answered(&backend.api).await?;
        until("requests to come back to it", PATIENCE, async || Ok((answered(&backend.api).await? > before + 10).then_some(()))).await?;
    }
    stream.end(&balancer).await
}

/// Health questions that a backend has answered; asking for it adds none.
async fn answered(api: &Api) -> Result<u64> {
    let (status, text) = api.ask(Method::GET, "/metrics", None).await?;
    ensure!(status.is_success(), "/metrics answered {status}");
    let counts =
        text.lines().filter(|line| line.contains("requests") && line.contains("/api/v1/health")).filter(|line| !line.contains("bucket"));
    counts.filter(|line| line.contains("_total")).map(|line| Ok(line.rsplit(' ').next().context("a value")?.parse::<f64>()? as u64)).sum()
}

/// HAProxy asks /readyz; a backend that drains is sent nothing more while it would still answer.
async fn a_draining_backend_leaves_before_it_stops_answering() -> Result<()> {
    let (mut backends, balancer) = three(Software::Haproxy).await?;
    let stream = Stream::start(&balancer.api);
    stream.more(50).await?;
    let drained = &backends[1];
    drained.terminate()?;
    until("the balancer to have seen that it drains", PATIENCE, async || {
        Ok(balancer.log().contains("Server pganalytics/backend-2 is DOWN").then_some(()))
    })
    .await?;
    // It still answers; and none of the answers that come from now on is its.
    let before = answered(&drained.api).await?;
    stream.more(100).await?;
    assert_eq!(answered(&drained.api).await?, before, "requests were sent to a backend that drains");
    backends[1].stop()?;
    stream.more(100).await?;
    stream.end(&balancer).await
}

async fn stopping_backends_one_by_one_costs_no_client_an_error(software: Software) -> Result<()> {
    let (mut backends, balancer) = three(software).await?;
    let stream = Stream::start(&balancer.api);
    for backend in &mut backends {
        stream.more(50).await?;
        backend.stop()?;
        stream.more(50).await?;
        backend.run().await?;
        let before = answered(&backend.api).await?;
        until("requests to come back to it", PATIENCE, async || Ok((answered(&backend.api).await? > before + 10).then_some(()))).await?;
    }
    stream.end(&balancer).await
}

async fn the_way_to_the_backends_is_encrypted_and_they_are_verified(software: Software) -> Result<()> {
    let (folder, foreign) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (ours, foreign) = (Certificate::make(folder.path())?, Certificate::make(foreign.path())?);
    let (certificate, key) = (ours.certificate.display().to_string(), ours.key.display().to_string());
    let mut settings = Settings::flags(&["--trusted-proxy", "--tls-cert", &certificate, "--tls-key", &key]);
    settings.authority = Some(ours.authority.clone());
    let mut backends = Vec::new();
    for _ in 0..BACKENDS {
        backends.push(Backend::start_with(settings.clone()).await?);
    }
    let ports: [u16; BACKENDS] = std::array::from_fn(|at| backends[at].port);

    // Who is no backend is sent nothing: of another authority, or of another name.
    for inner in
        [Inner { authority: &foreign.authority, name: "localhost" }, Inner { authority: &ours.authority, name: "pganalytics.internal" }]
    {
        let balancer = Balancer::encrypted(software, ports, inner).await?;
        let (status, body) = balancer.api.ask(Method::GET, "/api/v1/health", None).await?;
        ensure!(status.is_server_error(), "a backend that is none by {inner:?} was asked: {status} {body}");
    }
    let balancer = Balancer::encrypted(software, ports, Inner { authority: &ours.authority, name: "localhost" }).await?;
    serving(&balancer).await?;
    let stream = Stream::start(&balancer.api);
    stream.more(50).await?;
    backends[0].kill();
    stream.more(100).await?;
    stream.end(&balancer).await
}

/// Six failures of one user from one address are one too many, and who fails cannot look like somebody else.
async fn forged_addresses_do_not_reach_the_limiter(software: Software) -> Result<()> {
    let (mut backends, balancer) = three(software).await?;
    // One is left, so that all attempts are counted in one place.
    backends[0].kill();
    backends[1].kill();
    serving(&balancer).await?;
    let mut statuses = Vec::new();
    for at in 0..8 {
        let request = balancer
            .api
            .client()
            .post(format!("{}/api/v1/auth/login", balancer.api.url))
            .header("x-forwarded-for", format!("198.51.100.{at}"))
            .header("x-real-ip", format!("198.51.100.{at}"))
            .header("forwarded", format!("for=198.51.100.{at}"))
            .json(&json!({"username": ADMIN, "password": "wrong, as the test wants"}));
        statuses.push(request.send().await?.status());
    }
    assert!(statuses[..5].iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{statuses:?}");
    assert!(statuses[6..].contains(&StatusCode::TOO_MANY_REQUESTS), "forged addresses were believed: {statuses:?}");
    let log = backends[2].log();
    assert!(log.contains("127.0.0.1") && !log.contains("198.51.100."), "{log}");
    Ok(())
}

/// Over HTTPS the cookie is for HTTPS alone, also where the client says that it came by HTTP; and pages of the balancer's own host
/// are the backend's own pages.
async fn the_backend_learns_scheme_and_host_from_the_balancer(software: Software) -> Result<()> {
    let (_backends, balancer) = three(software).await?;
    let log_in = |origin: String| {
        let request = balancer.api.client().post(format!("{}/api/v1/auth/login", balancer.api.url));
        let request = request.header("x-forwarded-proto", "http").header("x-forwarded-host", "evil.example").header("origin", origin);
        request.json(&json!({"username": ADMIN, "password": PASSWORD})).send()
    };
    let answer = log_in(balancer.api.url.clone()).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let cookie = answer.headers()["set-cookie"].to_str()?;
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(log_in("https://evil.example".to_owned()).await?.status(), StatusCode::FORBIDDEN);
    Ok(())
}

/// The largest batch that a backend takes reaches it: what it says is that it is none, not that it is too large.
async fn a_body_of_16_mib_passes(software: Software) -> Result<()> {
    let (backends, balancer) = three(software).await?;
    for backend in &backends[1..] {
        backend.terminate()?;
    }
    let token = backends[0].collector_token("large").await?;
    let send = async || {
        let request = balancer.api.client().post(format!("{}/api/v1/ingest", balancer.api.url)).bearer_auth(&token);
        let answer = request.header("content-type", "application/vnd.pganalytics.batch").body(vec![0_u8; 16 << 20]).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        // The others do not know the token.
        Ok((status != StatusCode::UNAUTHORIZED).then_some((status, text)))
    };
    let (status, text) = until("the backend that knows the token to be the only one", PATIENCE, send).await?;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    Ok(())
}

/// Three that are ready, read a request whole and close without an answer: who sent it cannot know whether it was done. What they read.
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
                        // A check that does not read the answer has given up.
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

async fn only_what_is_safe_is_repeated(software: Software) -> Result<()> {
    for (method, path, repeated) in [
        (Method::POST, "/api/v1/auth/login", false),
        (Method::POST, "/api/v1/users", false),
        // nginx repeats what HTTP calls idempotent: done twice, it leaves what it leaves done once.
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

/// The same of both.
macro_rules! both {
    ($($name:ident),+ $(,)?) => {
        mod haproxy {
            $(#[tokio::test] async fn $name() -> anyhow::Result<()> { super::$name(super::Software::Haproxy).await })+

            #[tokio::test]
            async fn a_draining_backend_leaves_before_it_stops_answering() -> anyhow::Result<()> {
                super::a_draining_backend_leaves_before_it_stops_answering().await
            }
        }
        mod nginx {
            $(#[tokio::test] async fn $name() -> anyhow::Result<()> { super::$name(super::Software::Nginx).await })+
        }
    };
}

both!(
    plain_http_is_sent_to_https,
    tls_is_new_and_speaks_http2,
    a_killed_backend_costs_no_client_an_error,
    stopping_backends_one_by_one_costs_no_client_an_error,
    the_way_to_the_backends_is_encrypted_and_they_are_verified,
    forged_addresses_do_not_reach_the_limiter,
    the_backend_learns_scheme_and_host_from_the_balancer,
    a_body_of_16_mib_passes,
    only_what_is_safe_is_repeated,
);
