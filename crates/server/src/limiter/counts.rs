//! The stored counts: in Redis, or in the meta store if there is no Redis or it is unavailable.

use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::{Attempts, Meta};

use super::rule::Decision;
use crate::error::ApiError;
use crate::redis::Redis;

/// How often a change is retried after a conflict. Conflicts mean many concurrent attempts.
const TRIES: usize = 8;
/// The wait after too many conflicts.
const CONFLICT_WAIT: TimeDelta = TimeDelta::seconds(1);

/// Counts by key. The clock is the clock of the store.
pub(super) struct Counts {
    meta: Meta,
    redis: Option<Redis>,
}

impl Counts {
    pub(super) fn new(meta: Meta, redis: Option<Redis>) -> Self {
        Self { meta, redis }
    }

    /// Replaces the stored count by the decision's count, unless the decision is to wait. Also returns the store's time.
    pub(super) async fn change(
        &self,
        key: &[u8],
        decide: impl Fn(Option<Attempts>, DateTime<Utc>) -> Decision,
        expires: impl Fn(Attempts) -> DateTime<Utc>,
    ) -> Result<(Decision, DateTime<Utc>), ApiError> {
        let mut asked = DateTime::UNIX_EPOCH;
        for _ in 0..TRIES {
            let (read, now) = self.read(key).await?;
            asked = now;
            let new = match decide(read, now) {
                Ok(new) => new,
                Err(wait) => return Ok((Err(wait), now)),
            };
            if self.swap(key, read, new, now, expires(new)).await? {
                return Ok((Ok(new), now));
            }
        }
        Ok((Err(CONFLICT_WAIT), asked))
    }

    pub(super) async fn read(&self, key: &[u8]) -> Result<(Option<Attempts>, DateTime<Utc>), ApiError> {
        if let Some(redis) = &self.redis
            && let Some(read) = redis.attempts(key).await
        {
            return Ok(read);
        }
        let now = self.meta.now().await?;
        Ok((self.meta.attempts(key, now).await?, now))
    }

    async fn swap(
        &self,
        key: &[u8],
        read: Option<Attempts>,
        new: Attempts,
        now: DateTime<Utc>,
        expires: DateTime<Utc>,
    ) -> Result<bool, ApiError> {
        if let Some(redis) = &self.redis
            && let Some(swapped) = redis.swap_attempts(key, read, new, expires - now).await
        {
            return Ok(swapped);
        }
        Ok(self.meta.swap_attempts(key, read, new, now, expires).await?)
    }
}
