//! Redis: what replicas share to be quicker, and can do without.
//!
//! # Promise
//! Redis holds nothing that is not elsewhere too, or that may not be forgotten: attempts to log in, and answers that a query can give again.
//! No request waits longer for it than [`PATIENCE`]; after a failure none asks it for [`REST`]. So it may be away, slow, empty or full at
//! any time. It may be a Redis from 6 on, or a Valkey. Its keys begin with `pganalytics:`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::{AnswerCache, Attempts, MAX_KEPT};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ConnectionInfo, FromRedisValue, IntoConnectionInfo as _, RedisError, Script, TlsCertificates};
use url::Url;

use crate::secret::Secret;

/// What a request may wait: a round trip takes less than a millisecond, and the query may take this long itself.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long it is left alone after a failure.
const REST: Duration = Duration::from_secs(1);
/// How long an answer is kept: files are merged and their answers then have other names, so older ones are seldom asked for.
const KEEP: Duration = Duration::from_secs(3600);
/// Bytes of a remembered attempt: three numbers.
const MAX_ATTEMPTS: usize = 100;

/// The moment by Redis' clock, and what is remembered under a key; empty where nothing is.
static READ: LazyLock<Script> =
    LazyLock::new(|| Script::new("local now = redis.call('TIME') return {now[1], now[2], redis.call('GETRANGE', KEYS[1], 0, ARGV[1])}"));
/// Remembers in the place of what was read, for so many milliseconds.
static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
         return 1",
    )
});

/// Where a Redis is: `redis://user:password@host:6379/0`, or `rediss://` with TLS. Shown without the password.
#[derive(Clone)]
pub struct RedisUrl {
    info: ConnectionInfo,
    shown: String,
}

/// Why a text is no address of a Redis. It never quotes the text: a password may be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    #[error(
        "a Redis URL is redis://user:password@host:6379/0, or rediss://… with TLS; special characters in the password are written as %XX"
    )]
    Form,
    #[error("a Redis URL has nothing behind the number of the database: leave ?… and #… out (TLS is always verified; see --redis-ca-file)")]
    Parameters,
    #[error("the number of the database behind the last / of the Redis URL is no number")]
    Database,
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| RedisUrlError::Form)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(RedisUrlError::Form)?;
        if !matches!(url.scheme(), "redis" | "rediss" | "valkey" | "valkeys") {
            return Err(RedisUrlError::Form);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RedisUrlError::Parameters);
        }
        let database = url.path().trim_start_matches('/');
        if !database.is_empty() && database.parse::<u16>().is_err() {
            return Err(RedisUrlError::Database);
        }
        let shown = format!("{}://{host}:{}/{database}", url.scheme(), url.port().unwrap_or(6379));
        let info = url.into_connection_info().map_err(|_| RedisUrlError::Form)?;
        Ok(Self { info, shown })
    }
}

impl RedisUrl {
    /// The same with a password, where it comes from a file.
    #[must_use]
    pub fn with_password(self, password: &Secret) -> Self {
        let settings = self.info.redis_settings().clone().set_password(password.expose());
        Self { info: self.info.set_redis_settings(settings), shown: self.shown }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// How a Redis is reached.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    pub url: RedisUrl,
    /// Authorities that its certificate is verified with (PEM), instead of the system's.
    pub ca: Option<PathBuf>,
}

/// A Redis. Clones share one connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    url: RedisUrl,
    /// Until when it is left alone.
    rests: Mutex<Option<Instant>>,
    failures: AtomicU64,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.0.url)
    }
}

impl Redis {
    /// A connection that is made when it is first used, and again after each break. Says in the log whether there is one now.
    ///
    /// # Errors
    /// When the authorities cannot be read.
    pub async fn open(options: RedisOptions) -> anyhow::Result<Self> {
        let RedisOptions { url, ca } = options;
        let root_cert = ca.as_deref().map(read).transpose()?;
        let certificates = TlsCertificates { client_tls: None, root_cert };
        let client = match url.info.addr() {
            redis::ConnectionAddr::TcpTls { .. } => Client::build_with_tls(url.info.clone(), certificates),
            _ => Client::open(url.info.clone()),
        };
        let client = client.with_context(|| format!("set up {url}; is --redis-ca-file a PEM file of certificates?"))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(client, config).with_context(|| format!("set up {url}"))?;
        let redis = Self(Arc::new(Inner { connection, url, rests: Mutex::new(None), failures: AtomicU64::new(0) }));
        if redis.run::<String>(async |mut connection| redis::cmd("PING").query_async(&mut connection).await).await.is_some() {
            tracing::info!(redis.url = %redis.0.url, "Redis is there");
        }
        Ok(redis)
    }

    /// Commands that it did not answer in time.
    pub(crate) fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// What is remembered under a key, and the moment by Redis' clock.
    pub(crate) async fn attempts(&self, key: &[u8]) -> Option<(Option<Attempts>, DateTime<Utc>)> {
        let read = async |mut connection: ConnectionManager| {
            READ.key(attempts_key(key)).arg(MAX_ATTEMPTS).invoke_async::<(i64, i64, String)>(&mut connection).await
        };
        let (seconds, micros, text) = self.run(read).await?;
        Some((parsed(&text), DateTime::from_timestamp_micros(seconds * 1_000_000 + micros)?))
    }

    /// Remembers in the place of what was read. False when somebody else did so first.
    pub(crate) async fn swap_attempts(&self, key: &[u8], read: Option<Attempts>, new: Attempts, keep: TimeDelta) -> Option<bool> {
        let keep = keep.num_milliseconds().max(1);
        let swap = async |mut connection: ConnectionManager| {
            let mut script = SWAP.key(attempts_key(key));
            script.arg(read.map(written).unwrap_or_default()).arg(written(new)).arg(keep).invoke_async::<i64>(&mut connection).await
        };
        self.run(swap).await.map(|swapped| swapped == 1)
    }

    /// One command, or none while it rests.
    async fn run<T: FromRedisValue>(&self, command: impl AsyncFnOnce(ConnectionManager) -> Result<T, RedisError>) -> Option<T> {
        if self.0.rests.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let done = tokio::time::timeout(PATIENCE, command(self.0.connection.clone())).await;
        let mut rests = self.0.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = match done {
            Ok(Ok(done)) => {
                if rests.take().is_some() {
                    tracing::info!(redis.url = %self.0.url, "Redis is back");
                }
                return Some(done);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", PATIENCE.as_millis()),
        };
        self.0.failures.fetch_add(1, Ordering::Relaxed);
        if rests.replace(Instant::now() + REST).is_none() {
            tracing::warn!(redis.url = %self.0.url, error = problem, "Redis is away; everything goes on without it");
        }
        None
    }
}

#[async_trait]
impl AnswerCache for Redis {
    async fn get(&self, name: &str) -> Option<Bytes> {
        let key = answer_key(name);
        let get = async |mut connection: ConnectionManager| {
            // Whatever lies there, no more than this comes.
            redis::cmd("GETRANGE").arg(key).arg(0).arg(MAX_KEPT).query_async::<Vec<u8>>(&mut connection).await
        };
        self.run(get).await.filter(|bytes| !bytes.is_empty() && bytes.len() <= MAX_KEPT).map(Bytes::from)
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        let key = answer_key(name);
        let put = async |mut connection: ConnectionManager| {
            redis::cmd("SET").arg(key).arg(bytes).arg("EX").arg(KEEP.as_secs()).query_async::<()>(&mut connection).await
        };
        self.run(put).await;
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("read --redis-ca-file {}", file.display()))
}

fn answer_key(name: &str) -> String {
    format!("pganalytics:answer:{name}")
}

fn attempts_key(key: &[u8]) -> Vec<u8> {
    [b"pganalytics:attempts:", key].concat()
}

/// Attempts as they are remembered: count, last, succeeded, in microseconds since the epoch.
fn written(attempts: Attempts) -> String {
    let succeeded = attempts.succeeded.map_or(0, |at| at.timestamp_micros());
    format!("{} {} {succeeded}", attempts.count, attempts.last.timestamp_micros())
}

fn parsed(text: &str) -> Option<Attempts> {
    let mut numbers = text.split(' ');
    let count = numbers.next()?.parse().ok()?;
    let mut time = || DateTime::from_timestamp_micros(numbers.next()?.parse().ok()?);
    let (last, succeeded) = (time()?, time()?);
    Some(Attempts { count, last, succeeded: (succeeded > DateTime::UNIX_EPOCH).then_some(succeeded) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_redis_and_is_shown_without_its_password() {
        let url: RedisUrl = "rediss://user:s3cret@redis.example.com/2".parse().expect("a URL");
        assert_eq!((url.to_string(), format!("{url:?}").contains("s3cret")), ("rediss://redis.example.com:6379/2".to_owned(), false));
        assert_eq!("redis://localhost".parse::<RedisUrl>().map(|url| url.to_string()), Ok("redis://localhost:6379/".to_owned()));
        for (wrong, error) in [
            ("localhost:6379", RedisUrlError::Form),
            ("http://localhost", RedisUrlError::Form),
            ("redis://", RedisUrlError::Form),
            ("rediss://host/#insecure", RedisUrlError::Parameters),
            ("redis://host/0?protocol=resp3", RedisUrlError::Parameters),
            ("redis://host/zero", RedisUrlError::Database),
        ] {
            assert_eq!(wrong.parse::<RedisUrl>().map(|url| url.to_string()), Err(error), "{wrong}");
        }
    }

    #[test]
    fn attempts_are_read_as_they_are_written_and_nothing_else_is() {
        let last = DateTime::from_timestamp_micros(1_800_000_000_000_001).expect("a time");
        for succeeded in [None, Some(last)] {
            let attempts = Attempts { count: 7, last, succeeded };
            assert_eq!(parsed(&written(attempts)), Some(attempts));
        }
        for other in ["", "7", "7 x 0", "-1 1 1", "1 2"] {
            assert_eq!(parsed(other), None, "{other:?}");
        }
    }
}
