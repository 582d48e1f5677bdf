//! The brake on guessing passwords: per (user, address), and over all.
//!
//! A pair of user and address may fail [`FREE_FAILURES`] times; each further attempt waits twice as long as the one before,
//! up to [`LONGEST_WAIT`]. A success clears the pair, and [`FORGET_AFTER`] without an attempt does. Over all pairs,
//! [`ATTEMPTS_A_MINUTE`] attempts a minute are verified, so that many addresses together guess no faster; somebody who
//! logged in from the same address before is not held up by others' guesses.
//!
//! An attempt counts as failed from its beginning, so that many at once count like many in a row. The clock is the caller's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures without a wait: typing errors.
const FREE_FAILURES: u32 = 5;
/// The wait after the first failure too many; doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Where the doubling ends: 96 guesses a day and pair.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// A pair without attempts for so long starts anew.
const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);
/// A pair that logged in counts as known for so long.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Verified attempts a minute over all unknown pairs: far more than people need, far less than guessing does.
const ATTEMPTS_A_MINUTE: u32 = 120;
/// Pairs kept: some 2 MB. When full, the one attempted longest ago is forgotten.
const MAX_PAIRS: usize = 10_000;

type Pair = (String, IpAddr);

#[derive(Debug, Clone, Copy)]
struct Record {
    failures: u32,
    last: Instant,
    succeeded: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    pairs: HashMap<Pair, Record>,
    minute: Option<Instant>,
    attempts: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct LoginLimiter(Mutex<State>);

impl LoginLimiter {
    /// Begins an attempt, or says how long to wait before one.
    pub(crate) fn begin(&self, user: &str, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let pair = (user.to_owned(), address);
        let known = state.pairs.get(&pair).copied().filter(|record| !record.is_over(now));
        if let Some(record) = known {
            let next = record.last + record.wait();
            if now < next {
                return Err(next - now);
            }
        }
        if !known.is_some_and(|record| record.is_known(now)) {
            let minute = *state.minute.get_or_insert(now);
            if now.duration_since(minute) >= Duration::from_secs(60) {
                (state.minute, state.attempts) = (Some(now), 0);
            }
            if state.attempts >= ATTEMPTS_A_MINUTE {
                let over = state.minute.unwrap_or(now) + Duration::from_secs(60);
                return Err(over.saturating_duration_since(now));
            }
            state.attempts += 1;
        }
        if known.is_none() && state.pairs.len() >= MAX_PAIRS {
            make_room(&mut state.pairs, now);
        }
        let record = known.unwrap_or(Record { failures: 0, last: now, succeeded: None });
        state.pairs.insert(pair, Record { failures: record.failures.saturating_add(1), last: now, ..record });
        Ok(())
    }

    /// The attempt that began was no guess.
    pub(crate) fn succeeded(&self, user: &str, address: IpAddr, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.pairs.insert((user.to_owned(), address), Record { failures: 0, last: now, succeeded: Some(now) });
    }
}

impl Record {
    fn wait(&self) -> Duration {
        match self.failures.checked_sub(FREE_FAILURES) {
            None => Duration::ZERO,
            Some(over) => FIRST_WAIT.saturating_mul(1u32.checked_shl(over).unwrap_or(u32::MAX)).min(LONGEST_WAIT),
        }
    }

    fn is_known(&self, now: Instant) -> bool {
        self.succeeded.is_some_and(|at| now.duration_since(at) < KNOWN_FOR)
    }

    fn is_over(&self, now: Instant) -> bool {
        !self.is_known(now) && now.duration_since(self.last) >= FORGET_AFTER
    }
}

fn make_room(pairs: &mut HashMap<Pair, Record>, now: Instant) {
    pairs.retain(|_, record| !record.is_over(now));
    if pairs.len() >= MAX_PAIRS
        && let Some(oldest) = pairs.iter().min_by_key(|(_, record)| record.last).map(|(pair, _)| pair.clone())
    {
        pairs.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn address(i: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(i))
    }

    #[test]
    fn a_pair_waits_longer_with_each_failure_and_starts_anew_after_a_success() {
        let limiter = LoginLimiter::default();
        let start = Instant::now();
        for _ in 0..FREE_FAILURES {
            assert_eq!(limiter.begin("admin", HOME, start), Ok(()));
        }
        assert_eq!(limiter.begin("admin", HOME, start), Err(FIRST_WAIT));
        assert_eq!(limiter.begin("other", HOME, start), Ok(()), "another user is another pair");
        let later = start + FIRST_WAIT;
        assert_eq!(limiter.begin("admin", HOME, later), Ok(()));
        assert_eq!(limiter.begin("admin", HOME, later), Err(FIRST_WAIT * 2));
        limiter.succeeded("admin", HOME, later + FIRST_WAIT * 2);
        assert_eq!(limiter.begin("admin", HOME, later + FIRST_WAIT * 2), Ok(()));
    }

    #[test]
    fn the_wait_has_an_end_and_is_forgotten() {
        let limiter = LoginLimiter::default();
        let mut now = Instant::now();
        for _ in 0..60 {
            if let Err(wait) = limiter.begin("admin", HOME, now) {
                assert!(wait <= LONGEST_WAIT);
                now += wait;
            }
        }
        assert_eq!(limiter.begin("admin", HOME, now + FORGET_AFTER), Ok(()));
        assert_eq!(limiter.begin("admin", HOME, now + FORGET_AFTER), Ok(()));
    }

    #[test]
    fn many_addresses_guess_no_faster_together_and_hold_up_nobody_who_was_here_before() {
        let limiter = LoginLimiter::default();
        let start = Instant::now();
        limiter.succeeded("admin", HOME, start);
        for i in 0..ATTEMPTS_A_MINUTE {
            assert_eq!(limiter.begin("admin", address(i), start), Ok(()));
        }
        assert!(limiter.begin("admin", address(9_999), start).is_err());
        assert_eq!(limiter.begin("admin", HOME, start), Ok(()));
        assert_eq!(limiter.begin("admin", address(9_999), start + Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn the_record_of_pairs_is_bounded() {
        let limiter = LoginLimiter::default();
        let start = Instant::now();
        for i in 0..u32::try_from(MAX_PAIRS).expect("fits") + 100 {
            let _ = limiter.begin("admin", address(i), start + Duration::from_secs(u64::from(i)));
        }
        assert!(limiter.0.lock().expect("not poisoned").pairs.len() <= MAX_PAIRS);
    }
}
