//! How failures slow down further attempts. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::Attempts;

/// A count without attempts for this time starts again.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(1);
/// A pair or a browser counts as known for this time after a login.
pub(super) const KNOWN_FOR: TimeDelta = TimeDelta::days(30);
/// Attempts a minute of all unknown senders: far more than people need. The limit bounds the stored counts and the work of hashing.
const ATTEMPTS_A_MINUTE: u32 = 120;
pub(super) const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// The new count of an attempt that may begin at its `last`, or the time to wait.
pub(super) type Decision = Result<Attempts, TimeDelta>;

/// The delays of one kind of count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Failures without a wait.
    free: u32,
    /// The wait after the first failure above `free`. It doubles with each further failure.
    first: TimeDelta,
    /// The longest wait.
    longest: TimeDelta,
    /// An attempt that has to wait no longer than this is delayed. Otherwise it is refused.
    held: TimeDelta,
}

/// A user from a network, a known browser, or an open session: 1,440 guesses a day. The free failures are for typing errors.
pub(super) const OWN: Rule = Rule { free: 5, first: TimeDelta::seconds(2), longest: TimeDelta::minutes(1), held: TimeDelta::zero() };
/// All users from a network. Many people may share an address, so the waits are short.
pub(super) const NETWORK: Rule =
    Rule { free: 30, first: TimeDelta::milliseconds(250), longest: TimeDelta::seconds(2), held: TimeDelta::seconds(5) };
/// A user from all networks. The longest wait is far below the one of a single network, so that a guesser in one network leaves room for the
/// user in another.
pub(super) const ACCOUNT: Rule =
    Rule { free: 20, first: TimeDelta::seconds(1), longest: TimeDelta::seconds(15), held: TimeDelta::seconds(5) };

impl Rule {
    /// Decides on an attempt. It counts as failed from now on; see [`undone`].
    pub(super) fn attempt(&self, read: Option<Attempts>, now: DateTime<Utc>) -> Decision {
        let read = remembered(read, now);
        let begin = if read.count < self.free { now } else { now.max(read.last + self.wait(read.count)) };
        match begin - now > self.held {
            true => Err(begin - now),
            false => Ok(Attempts { count: read.count.saturating_add(1), last: begin, ..read }),
        }
    }

    fn wait(&self, failures: u32) -> TimeDelta {
        let Some(over) = failures.checked_sub(self.free) else { return TimeDelta::zero() };
        let factor = 1i32.checked_shl(over.min(30)).unwrap_or(i32::MAX);
        self.first.checked_mul(factor).map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// Decides on an attempt among all unknown senders. The current minute began at `last`.
pub(super) fn shared_attempt(read: Option<Attempts>, now: DateTime<Utc>) -> Decision {
    let read = read.filter(|read| now < read.last + MINUTE).unwrap_or(none(now));
    match read.count >= ATTEMPTS_A_MINUTE {
        true => Err(read.last + MINUTE - now),
        false => Ok(Attempts { count: read.count + 1, ..read }),
    }
}

/// The count without one attempt, which was successful.
pub(super) fn undone(read: Option<Attempts>, now: DateTime<Utc>) -> Attempts {
    let read = remembered(read, now);
    Attempts { count: read.count.saturating_sub(1), ..read }
}

/// The count after a login by its owner.
pub(super) fn succeeded(now: DateTime<Utc>) -> Attempts {
    Attempts { count: 0, last: now, succeeded: Some(now) }
}

pub(super) fn is_known(read: Attempts, now: DateTime<Utc>) -> bool {
    read.succeeded.is_some_and(|at| now - at < KNOWN_FOR)
}

/// When a stored count expires.
pub(super) fn expires(count: Attempts) -> DateTime<Utc> {
    (count.last + FORGET_AFTER).max(count.succeeded.map_or(DateTime::UNIX_EPOCH, |at| at + KNOWN_FOR))
}

/// The part of a stored count that still counts: failures for [`FORGET_AFTER`], a success for [`KNOWN_FOR`].
fn remembered(read: Option<Attempts>, now: DateTime<Utc>) -> Attempts {
    match read {
        Some(read) if now - read.last < FORGET_AFTER => read,
        Some(read) if is_known(read, now) => Attempts { count: 0, ..read },
        _ => none(now),
    }
}

fn none(now: DateTime<Utc>) -> Attempts {
    Attempts { count: 0, last: now, succeeded: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
    }

    /// Attempts at these times, in seconds: the delay of each, or the refusal with the time to wait.
    fn attempts(rule: Rule, times: impl IntoIterator<Item = i64>) -> Vec<Result<i64, i64>> {
        let mut read = None;
        let attempt = |second| match rule.attempt(read, at(second)) {
            Ok(new) => {
                read = Some(new);
                Ok((new.last - at(second)).num_milliseconds())
            }
            Err(wait) => Err(wait.num_milliseconds()),
        };
        times.into_iter().map(attempt).collect()
    }

    #[test]
    fn a_user_in_a_network_waits_longer_with_each_failure_and_never_longer_than_a_minute() {
        assert_eq!(attempts(OWN, [0; 6])[..], [Ok(0), Ok(0), Ok(0), Ok(0), Ok(0), Err(2_000)]);
        assert_eq!(attempts(OWN, [0, 0, 0, 0, 0, 2, 2, 6, 6])[5..], [Ok(0), Err(4_000), Ok(0), Err(8_000)]);
        let (mut read, mut now) = (None, at(0));
        for _ in 0..60 {
            match OWN.attempt(read, now) {
                Ok(new) => read = Some(new),
                Err(wait) => {
                    assert!(wait <= TimeDelta::minutes(1), "{wait}");
                    now += wait;
                }
            }
        }
        assert_eq!(OWN.attempt(read, now + FORGET_AFTER).map(|new| new.count), Ok(1), "forgotten");
    }

    #[test]
    fn a_network_and_an_account_are_delayed_before_they_are_refused() {
        let network = attempts(NETWORK, [0; 40]);
        assert!(network[..30].iter().all(|delay| *delay == Ok(0)), "{network:?}");
        // 0.25 + 0.5 + 1 + 2 s; the next one would begin after the longest delay.
        assert_eq!(network[30..36], [Ok(250), Ok(750), Ok(1_750), Ok(3_750), Err(5_750), Err(5_750)]);
        // Whoever comes one by one is never refused.
        assert!(attempts(NETWORK, (0..200).map(|at| at * 5)).iter().all(Result::is_ok));
        assert!(attempts(ACCOUNT, (0..200).map(|at| at * 15)).iter().all(Result::is_ok));
    }

    #[test]
    fn a_guesser_in_one_network_leaves_room_for_the_user_in_another() {
        // The guesser takes every moment that its network allows, for an hour.
        let (mut own, mut account, mut now) = (None, None, at(0));
        while now < at(3_600) {
            match OWN.attempt(own, now) {
                Ok(new) => {
                    own = Some(new);
                    if let Ok(new) = ACCOUNT.attempt(account, now) {
                        account = Some(new);
                    }
                }
                Err(wait) => now += wait,
            }
        }
        let counted = account.expect("attempts").count;
        assert!(counted < 80, "{counted} guesses in an hour");
        // The user waits at most 15 s after the guesser's newest attempt, and then is delayed at most 5 s.
        let last = account.expect("attempts").last;
        assert!(ACCOUNT.attempt(account, last + TimeDelta::seconds(10)).is_ok());
    }

    #[test]
    fn all_unknown_senders_together_have_a_limit_each_minute() {
        let mut read = None;
        for second in 0..i64::from(ATTEMPTS_A_MINUTE) {
            read = Some(shared_attempt(read, at(second / 4)).expect("within the limit"));
        }
        assert_eq!(shared_attempt(read, at(30)), Err(TimeDelta::seconds(30)));
        assert_eq!(shared_attempt(read, at(60)), Ok(Attempts { count: 1, last: at(60), succeeded: None }));
    }

    #[test]
    fn a_success_is_remembered_for_a_month_and_takes_back_its_own_attempt_only() {
        let known = succeeded(at(0));
        assert!(is_known(known, at(0) + TimeDelta::days(29)) && !is_known(known, at(0) + TimeDelta::days(30)));
        assert_eq!(expires(known), at(0) + KNOWN_FOR);
        // Failures are forgotten after an hour, the success is not.
        let failed = Attempts { count: 50, ..known };
        let later = OWN.attempt(Some(failed), at(0) + TimeDelta::days(1)).expect("forgotten");
        assert_eq!((later.count, later.succeeded), (1, known.succeeded));
        assert_eq!(undone(Some(failed), at(1)).count, 49);
        assert_eq!(undone(None, at(1)).count, 0);
    }
}
