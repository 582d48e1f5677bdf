//! The address of a Redis.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionInfo, IntoConnectionInfo as _};
use url::Url;

use crate::secret::Secret;

/// The address of a Redis: `redis://user:password@host:6379/0`, or `rediss://` with TLS. It is displayed without the password.
#[derive(Clone)]
pub struct RedisUrl {
    pub(super) info: ConnectionInfo,
    shown: String,
}

/// Why a text is not the address of a Redis. The error never quotes the text, since it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    #[error("a Redis URL is redis://user:password@host:6379/0, or rediss://… with TLS; write special characters in the password as %XX")]
    Form,
    #[error("a Redis URL ends with the number of the database: remove ?… and #… (TLS is always verified; see --redis-ca-file)")]
    Parameters,
    #[error("the part of the Redis URL after the last / must be the number of the database")]
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
    /// The same address with a password from elsewhere.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_displayed_without_its_password() {
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
}
