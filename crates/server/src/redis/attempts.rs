//! Attempts to log in, shared by replicas.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use pganalytics_lake::Attempts;
use redis::Script;
use redis::aio::ConnectionManager;

use super::connection::Redis;

/// The most bytes of a stored count: three numbers.
const MAX_ATTEMPTS: usize = 100;

/// Returns the time of Redis' clock, and the stored count. The count is empty if there is none.
static READ: LazyLock<Script> =
    LazyLock::new(|| Script::new("local now = redis.call('TIME') return {now[1], now[2], redis.call('GETRANGE', KEYS[1], 0, ARGV[1])}"));
/// Replaces the count that was read, and sets its expiry in milliseconds.
static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
         return 1",
    )
});

impl Redis {
    /// The stored count of a key, and the time of Redis' clock.
    pub(crate) async fn attempts(&self, key: &[u8]) -> Option<(Option<Attempts>, DateTime<Utc>)> {
        let read = async |mut connection: ConnectionManager| {
            READ.key(attempts_key(key)).arg(MAX_ATTEMPTS).invoke_async::<(i64, i64, String)>(&mut connection).await
        };
        let (seconds, micros, text) = self.run(read).await?;
        Some((parse(&text), DateTime::from_timestamp_micros(seconds * 1_000_000 + micros)?))
    }

    /// Replaces the count that was read. False if another replica changed it in between.
    pub(crate) async fn swap_attempts(&self, key: &[u8], read: Option<Attempts>, new: Attempts, keep: TimeDelta) -> Option<bool> {
        let keep = keep.num_milliseconds().max(1);
        let swap = async |mut connection: ConnectionManager| {
            let mut script = SWAP.key(attempts_key(key));
            script.arg(read.map(text).unwrap_or_default()).arg(text(new)).arg(keep).invoke_async::<i64>(&mut connection).await
        };
        self.run(swap).await.map(|swapped| swapped == 1)
    }
}

fn attempts_key(key: &[u8]) -> Vec<u8> {
    [b"pganalytics:attempts:", key].concat()
}

/// The stored form: count, last attempt and last success. The times are microseconds since the epoch.
fn text(attempts: Attempts) -> String {
    let succeeded = attempts.succeeded.map_or(0, |at| at.timestamp_micros());
    format!("{} {} {succeeded}", attempts.count, attempts.last.timestamp_micros())
}

fn parse(text: &str) -> Option<Attempts> {
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
    fn stored_attempts_are_parsed_and_other_texts_are_not() {
        let last = DateTime::from_timestamp_micros(1_800_000_000_000_001).expect("a time");
        for succeeded in [None, Some(last)] {
            let attempts = Attempts { count: 7, last, succeeded };
            assert_eq!(parse(&text(attempts)), Some(attempts));
        }
        for other in ["", "7", "7 x 0", "-1 1 1", "1 2"] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }
}
