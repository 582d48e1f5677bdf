//! Counts of attempts for rate limits, shared by all replicas. The caller decides how many attempts are too many and how long they are
//! stored. Here a key is bytes, and a change succeeds only if the entry was not changed in between.

use chrono::{DateTime, Utc};

use super::database::statement;
use super::error::MetaError;
use super::handle::Meta;
use super::time::{micros, time};

/// The attempts stored under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// The number of attempts.
    pub count: u32,
    /// The time of the last attempt.
    pub last: DateTime<Utc>,
    /// The time of a successful attempt.
    pub succeeded: Option<DateTime<Utc>>,
}

impl Meta {
    /// The attempts stored under a key, unless they have expired at `now`.
    ///
    /// # Errors
    /// If the store fails. This holds for every method here.
    pub async fn attempts(&self, key: &[u8], now: DateTime<Utc>) -> Result<Option<Attempts>, MetaError> {
        let select = statement("select count, last, succeeded from attempts where key = $1 and expires > $2");
        let found: Option<(i64, i64, Option<i64>)> = self.database().optional(select.bind(key).bind(micros(now))).await?;
        Ok(found.map(|(count, last, succeeded)| Attempts {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            last: time(last),
            succeeded: succeeded.map(time),
        }))
    }

    /// Replaces the attempts that were read at `now` by `new`, which expire at `expires`. Returns false if another caller changed them
    /// first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn swap_attempts(
        &self,
        key: &[u8],
        read: Option<Attempts>,
        new: Attempts,
        now: DateTime<Utc>,
        expires: DateTime<Utc>,
    ) -> Result<bool, MetaError> {
        let swap = match read {
            None => statement(
                "insert into attempts (key, count, last, succeeded, expires) values ($1, $2, $3, $4, $5)
                 on conflict (key) do update
                 set count = excluded.count, last = excluded.last, succeeded = excluded.succeeded, expires = excluded.expires
                 where attempts.expires <= $6",
            ),
            Some(_) => statement(
                "update attempts set count = $2, last = $3, succeeded = $4, expires = $5
                 where key = $1 and count = $6 and last = $7 and coalesce(succeeded, 0) = $8",
            ),
        };
        let swap = swap.bind(key).bind(i64::from(new.count)).bind(micros(new.last)).bind(new.succeeded.map(micros)).bind(micros(expires));
        let swap = match read {
            None => swap.bind(micros(now)),
            Some(read) => swap.bind(i64::from(read.count)).bind(micros(read.last)).bind(read.succeeded.map_or(0, micros)),
        };
        Ok(self.database().execute(swap).await? > 0)
    }

    /// Deletes expired attempts. The background task also does this.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn delete_expired_attempts(&self, now: DateTime<Utc>) -> Result<u64, MetaError> {
        Ok(self.database().execute(statement("delete from attempts where expires <= $1").bind(micros(now))).await?)
    }
}
