//! The connection to Redis, which may fail at any time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, RedisError, TlsCertificates};

use super::url::RedisUrl;

/// The longest wait for Redis. A round trip takes less than a millisecond, and a query may itself take this long.
const TIMEOUT: Duration = Duration::from_millis(250);
/// How long Redis is not used after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// How to connect to a Redis.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    pub url: RedisUrl,
    /// The authorities of its certificate (PEM), instead of the system's.
    pub ca: Option<PathBuf>,
}

/// A Redis. Clones share one connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    url: RedisUrl,
    /// Until when Redis is not used.
    paused_until: Mutex<Option<Instant>>,
    failures: AtomicU64,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.0.url)
    }
}

impl Redis {
    /// A connection that is opened when first used, and reopened after each failure. Logs whether Redis is available now.
    ///
    /// # Errors
    /// The authorities cannot be read.
    pub async fn open(options: RedisOptions) -> anyhow::Result<Self> {
        let RedisOptions { url, ca } = options;
        let root_cert = ca.as_deref().map(read).transpose()?;
        let certificates = TlsCertificates { client_tls: None, root_cert };
        let client = match url.info.addr() {
            redis::ConnectionAddr::TcpTls { .. } => Client::build_with_tls(url.info.clone(), certificates),
            _ => Client::open(url.info.clone()),
        };
        let client = client.with_context(|| format!("set up {url}; is --redis-ca-file a PEM file with certificates?"))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(client, config).with_context(|| format!("set up {url}"))?;
        let redis = Self(Arc::new(Inner { connection, url, paused_until: Mutex::new(None), failures: AtomicU64::new(0) }));
        if redis.run::<String>(async |mut connection| redis::cmd("PING").query_async(&mut connection).await).await.is_some() {
            tracing::info!(redis.url = %redis.0.url, "connected to Redis");
        }
        Ok(redis)
    }

    /// Commands that Redis did not answer in time.
    pub(crate) fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Runs a command. `None` if it fails, or while Redis is not used.
    pub(super) async fn run<T: FromRedisValue>(&self, command: impl AsyncFnOnce(ConnectionManager) -> Result<T, RedisError>) -> Option<T> {
        if self.0.paused_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let done = tokio::time::timeout(TIMEOUT, command(self.0.connection.clone())).await;
        let mut paused_until = self.0.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = match done {
            Ok(Ok(done)) => {
                if paused_until.take().is_some() {
                    tracing::info!(redis.url = %self.0.url, "Redis is available again");
                }
                return Some(done);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", TIMEOUT.as_millis()),
        };
        self.0.failures.fetch_add(1, Ordering::Relaxed);
        if paused_until.replace(Instant::now() + PAUSE).is_none() {
            tracing::warn!(redis.url = %self.0.url, error = problem, "Redis is unavailable; continuing without it");
        }
        None
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("read --redis-ca-file {}", file.display()))
}
