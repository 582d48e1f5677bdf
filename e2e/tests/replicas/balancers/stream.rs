//! Three backends behind a balancer, and clients that ask without pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use e2e::drive::{Backend, Settings};
use e2e::servers::Balancer;
use e2e::servers::balancer::{BACKENDS, Software};
use e2e::wait::{PATIENCE, until};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// Much longer than the interval of HAProxy's checks: the machine may be busy.
const DRAIN_DELAY: &str = "5s";
/// Requests in progress at a time.
const CLIENTS: usize = 4;

/// Three backends, each with its own folder: no cluster, each answers for itself.
pub(super) async fn three(software: Software) -> Result<(Vec<Backend>, Balancer)> {
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
pub(super) async fn serving(balancer: &Balancer) -> Result<()> {
    until("an answer through the balancer", PATIENCE, async || balancer.api.request(Method::GET, "/api/v1/health", None).await.map(Some))
        .await?;
    Ok(())
}

/// Clients that ask without pause. Counts the good answers and keeps the others.
pub(super) struct Stream {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Stream {
    pub(super) fn start(api: &Api) -> Self {
        let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let ask = |at: usize| {
            let (api, stop, good) = (api.clone(), stop.clone(), good.clone());
            async move {
                let mut failures = Vec::new();
                let statement = json!({"query": "select 1"});
                while !stop.load(Ordering::Relaxed) {
                    // SQL is a POST. Without a login the backend answers 401, which is no failure of the balancer.
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

    /// Waits for this many more good answers.
    pub(super) async fn more(&self, count: usize) -> Result<()> {
        let target = self.good.load(Ordering::Relaxed) + count;
        until("more answers", PATIENCE, async || Ok((self.good.load(Ordering::Relaxed) >= target).then_some(()))).await
    }

    /// Ends the clients, and checks that no answer was bad.
    pub(super) async fn end(self, balancer: &Balancer) -> Result<()> {
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

/// The number of health requests that a backend has answered. Reading it adds none.
pub(super) async fn answered(api: &Api) -> Result<u64> {
    let (status, text) = api.ask(Method::GET, "/metrics", None).await?;
    ensure!(status.is_success(), "/metrics answered {status}");
    let counts =
        text.lines().filter(|line| line.contains("requests") && line.contains("/api/v1/health")).filter(|line| !line.contains("bucket"));
    counts.filter(|line| line.contains("_total")).map(|line| Ok(line.rsplit(' ').next().context("a value")?.parse::<f64>()? as u64)).sum()
}
