//! Limits guesses of passwords and enrolment tokens, for each pair of user and address and for all pairs together. All replicas share the
//! counts.
//!
//! A pair of user and address may fail [`FREE_FAILURES`] times. Each further attempt waits twice as long as the one before, up to
//! [`LONGEST_WAIT`]. A success, or [`FORGET_AFTER`] without an attempt, clears the pair. All pairs together may make [`ATTEMPTS_A_MINUTE`]
//! attempts a minute, so that guessing from many addresses is not faster. A pair that logged in before does not wait for this shared limit.
//!
//! An attempt counts as failed when it begins, so that many concurrent attempts count like many attempts in a row. The counts are in Redis;
//! if there is no Redis, or it is unavailable, they are in the meta store. The clock is the clock of that store. Names and addresses are
//! stored only as hashes, since people type passwords into the name field. The shared limit also bounds the number of stored pairs.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::{Attempts, Meta};

use crate::error::ApiError;
use crate::redis::Redis;
use crate::secret::fingerprint;

/// Failures without a wait, for typing errors.
const FREE_FAILURES: u32 = 5;
/// The wait after the first failure above [`FREE_FAILURES`]. It doubles with each further failure.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(2);
/// The longest wait: 96 guesses a day for each pair.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
/// A pair without attempts for this time starts again.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(1);
/// A pair counts as known for this time after a login.
const KNOWN_FOR: TimeDelta = TimeDelta::days(30);
/// Attempts a minute of all unknown pairs: far more than people need, far fewer than guessing needs.
const ATTEMPTS_A_MINUTE: u32 = 120;
const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// How often a change is retried after a conflict. Conflicts mean many concurrent attempts.
const TRIES: usize = 8;
/// The wait after too many conflicts.
const CONFLICT_WAIT: TimeDelta = TimeDelta::seconds(1);

/// Limits attempts of one kind; see the module.
pub(crate) struct LoginLimiter {
    /// The kind of attempt. Different kinds do not affect each other.
    kind: &'static str,
    meta: Meta,
    redis: Option<Redis>,
}

/// The new count of an attempt that may begin, or the time to wait.
type Decision = Result<Attempts, TimeDelta>;

impl LoginLimiter {
    pub(crate) fn new(kind: &'static str, meta: Meta, redis: Option<Redis>) -> Self {
        Self { kind, meta, redis }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// [`ApiError::TooManyAttempts`] with the time to wait; an error of the meta store.
    pub(crate) async fn begin(&self, user: &str, address: IpAddr) -> Result<(), ApiError> {
        let pair = self.pair(user, address);
        let known = |read: Option<Attempts>, now| read.is_some_and(|read| is_known(read, now));
        // The shared limit counts only attempts that the pair itself may make.
        let (read, now) = self.read(&pair).await?;
        attempt(read, now).map_err(too_many)?;
        if !known(read, now) {
            self.change(&self.shared(), shared_attempt, |read| read.last + MINUTE).await?.map_err(too_many)?;
        }
        self.change(&pair, attempt, expires).await?.map_err(too_many)?;
        Ok(())
    }

    /// Records that the attempt was successful.
    ///
    /// # Errors
    /// An error of the meta store.
    pub(crate) async fn succeeded(&self, user: &str, address: IpAddr) -> Result<(), ApiError> {
        let succeeded = |_, now| Ok(Attempts { count: 0, last: now, succeeded: Some(now) });
        // After too many conflicts the pair only waits once more than necessary.
        let _ = self.change(&self.pair(user, address), succeeded, expires).await?;
        Ok(())
    }

    fn pair(&self, user: &str, address: IpAddr) -> [u8; 32] {
        // An address contains no NUL, so different pairs have different keys.
        fingerprint(&format!("{}\0{address}\0{user}", self.kind))
    }

    fn shared(&self) -> [u8; 32] {
        fingerprint(&format!("{} of all", self.kind))
    }

    /// Replaces the stored count by the decision's count, unless the decision is to wait.
    async fn change(
        &self,
        key: &[u8],
        decide: impl Fn(Option<Attempts>, DateTime<Utc>) -> Decision,
        expires: impl Fn(Attempts) -> DateTime<Utc>,
    ) -> Result<Decision, ApiError> {
        for _ in 0..TRIES {
            let (read, now) = self.read(key).await?;
            let new = match decide(read, now) {
                Ok(new) => new,
                Err(wait) => return Ok(Err(wait)),
            };
            if self.swap(key, read, new, now, expires(new)).await? {
                return Ok(Ok(new));
            }
        }
        Ok(Err(CONFLICT_WAIT))
    }

    async fn read(&self, key: &[u8]) -> Result<(Option<Attempts>, DateTime<Utc>), ApiError> {
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

/// Decides on an attempt of a pair.
fn attempt(read: Option<Attempts>, now: DateTime<Utc>) -> Decision {
    let read = read.filter(|read| !is_over(*read, now)).unwrap_or(Attempts { count: 0, last: now, succeeded: None });
    let next = read.last + wait(read.count);
    match read.count >= FREE_FAILURES && now < next {
        true => Err(next - now),
        false => Ok(Attempts { count: read.count.saturating_add(1), last: now, ..read }),
    }
}

/// Decides on an attempt among all pairs. The current minute began at `last`.
fn shared_attempt(read: Option<Attempts>, now: DateTime<Utc>) -> Decision {
    let read = read.filter(|read| now < read.last + MINUTE).unwrap_or(Attempts { count: 0, last: now, succeeded: None });
    match read.count >= ATTEMPTS_A_MINUTE {
        true => Err(read.last + MINUTE - now),
        false => Ok(Attempts { count: read.count + 1, ..read }),
    }
}

/// When the stored pair expires.
fn expires(pair: Attempts) -> DateTime<Utc> {
    (pair.last + FORGET_AFTER).max(pair.succeeded.map_or(DateTime::UNIX_EPOCH, |at| at + KNOWN_FOR))
}

fn wait(failures: u32) -> TimeDelta {
    match failures.checked_sub(FREE_FAILURES) {
        None => TimeDelta::zero(),
        Some(over) => {
            FIRST_WAIT.checked_mul(1i32.checked_shl(over.min(30)).unwrap_or(i32::MAX)).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
        }
    }
}

fn is_known(pair: Attempts, now: DateTime<Utc>) -> bool {
    pair.succeeded.is_some_and(|at| now - at < KNOWN_FOR)
}

fn is_over(pair: Attempts, now: DateTime<Utc>) -> bool {
    !is_known(pair, now) && now - pair.last >= FORGET_AFTER
}

fn too_many(wait: TimeDelta) -> ApiError {
    // Never 0 s: a client that returns at once would have to wait again.
    ApiError::TooManyAttempts(wait.to_std().unwrap_or(Duration::ZERO).max(Duration::from_millis(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
    }

    #[test]
    fn a_pair_waits_longer_with_each_failure_and_starts_again_after_a_success() {
        let mut read = None;
        for _ in 0..FREE_FAILURES {
            read = Some(attempt(read, at(0)).expect("free"));
        }
        assert_eq!(attempt(read, at(0)), Err(FIRST_WAIT));
        let later = attempt(read, at(2)).expect("waited");
        assert_eq!(attempt(Some(later), at(2)), Err(FIRST_WAIT * 2));
        let known = Attempts { count: 0, last: at(6), succeeded: Some(at(6)) };
        assert_eq!(attempt(Some(known), at(6)), Ok(Attempts { count: 1, ..known }));
    }

    #[test]
    fn the_wait_has_a_maximum_and_expires() {
        let (mut read, mut now) = (None, at(0));
        for _ in 0..60 {
            match attempt(read, now) {
                Ok(new) => read = Some(new),
                Err(wait) => {
                    assert!(wait <= LONGEST_WAIT);
                    now += wait;
                }
            }
        }
        let forgotten = attempt(read, now + FORGET_AFTER).expect("forgotten");
        assert_eq!(forgotten.count, 1);
        assert_eq!(expires(forgotten), now + FORGET_AFTER * 2);
    }

    #[test]
    fn all_pairs_together_have_a_limit_each_minute() {
        let mut read = None;
        for second in 0..i64::from(ATTEMPTS_A_MINUTE) {
            read = Some(shared_attempt(read, at(second / 4)).expect("within the limit"));
        }
        assert_eq!(shared_attempt(read, at(30)), Err(TimeDelta::seconds(30)));
        assert_eq!(shared_attempt(read, at(60)), Ok(Attempts { count: 1, last: at(60), succeeded: None }));
    }

    #[test]
    fn a_pair_that_logged_in_is_remembered_for_a_month() {
        let known = Attempts { count: 0, last: at(0), succeeded: Some(at(0)) };
        assert!(is_known(known, at(0) + TimeDelta::days(29)) && !is_known(known, at(0) + TimeDelta::days(30)));
        assert_eq!(expires(known), at(0) + KNOWN_FOR);
    }
}
