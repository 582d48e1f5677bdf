//! The shared Redis.

use std::path::Path;

use anyhow::Context as _;
use pganalytics_server::{Redis, RedisOptions, RedisUrl, Secret};

use super::args::BackendArgs;

impl BackendArgs {
    /// The Redis that replicas share, if one is named.
    pub(super) async fn redis(&self) -> anyhow::Result<Option<Redis>> {
        let url: RedisUrl = match (&self.redis_url, &self.redis_url_file) {
            (Some(url), _) => url.expose().parse().context("--redis-url")?,
            (None, Some(file)) => read(file, "--redis-url-file")?.parse().with_context(|| format!("read {}", file.display()))?,
            (None, None) => {
                anyhow::ensure!(self.redis_password_file.is_none(), "--redis-password-file needs --redis-url or --redis-url-file");
                anyhow::ensure!(self.redis_ca_file.is_none(), "--redis-ca-file needs --redis-url or --redis-url-file");
                return Ok(None);
            }
        };
        let url = match &self.redis_password_file {
            Some(file) => url.with_password(&Secret::new(read(file, "--redis-password-file")?)),
            None => url,
        };
        Redis::open(RedisOptions { url, ca: self.redis_ca_file.clone() }).await.map(Some)
    }
}

/// Reads a file with one value, without the end of the line.
fn read(file: &Path, what: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {what} {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
