//! Random pauses and choices, so that the workload looks like people's.

use std::time::Duration;

use rand::RngExt as _;

/// A random pause of about this length.
pub(super) async fn pause(milliseconds: u64) {
    let part = rand::rng().random_range(milliseconds / 2..=milliseconds * 3 / 2);
    tokio::time::sleep(Duration::from_millis(part)).await;
}

/// A number from 1 to `most`. Small numbers are far more frequent, like a shop's best-selling goods.
pub(super) fn favourite(most: i32) -> i32 {
    let part: f64 = rand::rng().random_range(0.0..1.0);
    #[expect(clippy::cast_possible_truncation, reason = "a part of an i32 is an i32")]
    let number = (part * part * f64::from(most)) as i32;
    number + 1
}
