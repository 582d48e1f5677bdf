//! The brake on guessing passwords and enrolment tokens: per (user, address), and over all; the same for all replicas.
//!
//! A pair of user and address may fail [`FREE_FAILURES`] times; each further attempt waits twice as long as the one before,
//! up to [`LONGEST_WAIT`]. A success clears the pair, and [`FORGET_AFTER`] without an attempt does. Over all pairs,
//! [`ATTEMPTS_A_MINUTE`] attempts a minute are verified, so that many addresses together guess no faster; somebody who
//! logged in from the same address before is not held up by others' guesses.
//!
//! An attempt counts as failed from its beginning, so that many at once count like many in a row. What is remembered lies in Redis where
//! there is one, else, and while Redis is away, in the meta store; the clock is theirs. Names and addresses are kept as hashes only:
//! people type passwords into the field for the name. Attempts over all bound how many pairs there are.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::{Attempts, Meta};

use crate::error::ApiError;
use crate::redis::Redis;
use crate::secret::fingerprint;

/// Failures without a wait: typing errors.
const FREE_FAILURES: u32 = 5;
/// The wait after the first failure too many; doubles with each.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(2);
/// Where the doubling ends: 96 guesses a day and pair.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
/// A pair without attempts for so long starts anew.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(1);
/// A pair that logged in counts as known for so long.
const KNOWN_FOR: TimeDelta = TimeDelta::days(30);
/// Verified attempts a minute over all unknown pairs: far more than people need, far less than guessing does.
const ATTEMPTS_A_MINUTE: u32 = 120;
const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// How often a change is tried that others' changes come before: they, then, are many attempts at once.
const TRIES: usize = 8;
/// The wait of an attempt that came before none of them.
const CROWDED: TimeDelta = TimeDelta::seconds(1);

/// See the module.
pub(crate) struct LoginLimiter {
    /// What is attempted: kinds do not hold each other up.
    what: &'static str,
    meta: Meta,
    redis: Option<Redis>,
}

/// Why an attempt may not begin, or what it leaves behind.
type Judged = Result<Attempts, TimeDelta>;

impl LoginLimiter {
    pub(crate) fn new(what: &'static str, meta: Meta, redis: Option<Redis>) -> Self {
        Self { what, meta, redis }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// [`ApiError::TooManyAttempts`] with how long to wait before one; when the meta store fails.
    pub(crate) async fn begin(&self, user: &str, address: IpAddr) -> Result<(), ApiError> {
        let pair = self.pair(user, address);
        let known = |read: Option<Attempts>, now| read.is_some_and(|read| is_known(read, now));
        // One more attempt of everybody's only where the pair itself may try.
        let (read, now) = self.read(&pair).await?;
        attempt(read, now).map_err(too_many)?;
        if !known(read, now) {
            self.change(&self.all(), attempt_of_all, |read| read.last + MINUTE).await?.map_err(too_many)?;
        }
        self.change(&pair, attempt, expires).await?.map_err(too_many)?;
        Ok(())
    }

    /// The attempt that began was no guess.
    ///
    /// # Errors
    /// When the meta store fails.
    pub(crate) async fn succeeded(&self, user: &str, address: IpAddr) -> Result<(), ApiError> {
        let succeeded = |_, now| Ok(Attempts { count: 0, last: now, succeeded: Some(now) });
        // Where many attempts at once came before, the pair waits once more than it need.
        let _ = self.change(&self.pair(user, address), succeeded, expires).await?;
        Ok(())
    }

    fn pair(&self, user: &str, address: IpAddr) -> [u8; 32] {
        // An address has no NUL in it, so no two pairs run into one.
        fingerprint(&format!("{}\0{address}\0{user}", self.what))
    }

    fn all(&self) -> [u8; 32] {
        fingerprint(&format!("{} of all", self.what))
    }

    /// Puts what a judgement makes of what is remembered in its place, unless it refuses.
    async fn change(
        &self,
        key: &[u8],
        judge: impl Fn(Option<Attempts>, DateTime<Utc>) -> Judged,
        expires: impl Fn(Attempts) -> DateTime<Utc>,
    ) -> Result<Judged, ApiError> {
        for _ in 0..TRIES {
            let (read, now) = self.read(key).await?;
            let new = match judge(read, now) {
                Ok(new) => new,
                Err(wait) => return Ok(Err(wait)),
            };
            if self.swap(key, read, new, now, expires(new)).await? {
                return Ok(Ok(new));
            }
        }
        Ok(Err(CROWDED))
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

/// An attempt of a pair.
fn attempt(read: Option<Attempts>, now: DateTime<Utc>) -> Judged {
    let read = read.filter(|read| !is_over(*read, now)).unwrap_or(Attempts { count: 0, last: now, succeeded: None });
    let next = read.last + wait(read.count);
    match read.count >= FREE_FAILURES && now < next {
        true => Err(next - now),
        false => Ok(Attempts { count: read.count.saturating_add(1), last: now, ..read }),
    }
}

/// An attempt among everybody's of one minute, which began at `last`.
fn attempt_of_all(read: Option<Attempts>, now: DateTime<Utc>) -> Judged {
    let read = read.filter(|read| now < read.last + MINUTE).unwrap_or(Attempts { count: 0, last: now, succeeded: None });
    match read.count >= ATTEMPTS_A_MINUTE {
        true => Err(read.last + MINUTE - now),
        false => Ok(Attempts { count: read.count + 1, ..read }),
    }
}

/// When a pair may be forgotten.
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
    // Never 0 s: who comes back at once would wait again.
    ApiError::TooManyAttempts(wait.to_std().unwrap_or(Duration::ZERO).max(Duration::from_millis(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
    }

    #[test]
    fn a_pair_waits_longer_with_each_failure_and_starts_anew_after_a_success() {
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
    fn the_wait_has_an_end_and_is_forgotten() {
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
    fn all_together_have_so_many_attempts_a_minute_and_then_a_new_minute() {
        let mut read = None;
        for second in 0..i64::from(ATTEMPTS_A_MINUTE) {
            read = Some(attempt_of_all(read, at(second / 4)).expect("within the minute's"));
        }
        assert_eq!(attempt_of_all(read, at(30)), Err(TimeDelta::seconds(30)));
        assert_eq!(attempt_of_all(read, at(60)), Ok(Attempts { count: 1, last: at(60), succeeded: None }));
    }

    #[test]
    fn a_pair_that_logged_in_is_remembered_for_a_month() {
        let known = Attempts { count: 0, last: at(0), succeeded: Some(at(0)) };
        assert!(is_known(known, at(0) + TimeDelta::days(29)) && !is_known(known, at(0) + TimeDelta::days(30)));
        assert_eq!(expires(known), at(0) + KNOWN_FOR);
    }
}
