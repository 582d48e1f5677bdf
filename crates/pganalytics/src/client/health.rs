//! Whether a backend is ready.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use serde_json::Value;

use super::address::{CONNECT_TIMEOUT, join, on_this_machine, unreachable};
use super::args::ClientArgs;
use crate::access::Access;

/// The time limit of the check: longer than a backend needs to find that its store does not answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a backend reports without credentials.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) url: Url,
    pub(crate) version: String,
    pub(crate) timestamp: String,
}

/// Checks that a backend is ready, and reads its version and clock, without credentials.
///
/// # Errors
/// The backend cannot be reached, is not ready, or is not a pgAnalytics backend.
pub(crate) async fn health(args: &ClientArgs) -> anyhow::Result<Health> {
    let (builder, url) = if let Some(url) = &args.url {
        (args.trusting(reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT))?, url.clone())
    } else {
        let data = args.data.display();
        let access = Access::read(&args.data)?.with_context(|| format!("no backend runs on {data}: name one with --url"))?;
        (on_this_machine(), access.url.parse().with_context(|| format!("read the url in {data}/cli.json"))?)
    };
    let http = builder.timeout(TIMEOUT).build().context("set up HTTP")?;
    let ready = http.get(join(&url, &["readyz"])?).send().await.map_err(|error| unreachable(&url, error))?;
    let status = ready.status();
    if !status.is_success() {
        let reason = ready.text().await.with_context(|| format!("read the response of {url}"))?;
        anyhow::bail!("{url} is not ready ({status}): {}", reason.lines().next().unwrap_or_default());
    }
    let reply = http.get(join(&url, &["api", "v1", "health"])?).send().await.map_err(|error| unreachable(&url, error))?;
    let body = reply.bytes().await.with_context(|| format!("read the response of {url}"))?;
    let health: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |key: &str| health.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let (version, timestamp) =
        text("version").zip(text("timestamp")).with_context(|| format!("{url} reports no version: is it a pgAnalytics backend?"))?;
    Ok(Health { url, version, timestamp })
}
