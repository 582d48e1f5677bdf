//! Casts. Each is a function named as its type, as in PostgreSQL: `int4(2.7)` is `2.7::int`.

mod common;
mod numbers;
mod texts;
mod times;

pub(crate) use numbers::literal_number;
pub(crate) use times::{literal_date, literal_interval, literal_timestamp};

use super::define::Defined;

/// The casts.
pub(crate) fn casts() -> Vec<Defined> {
    let mut all = numbers::casts();
    all.extend(texts::casts());
    all.extend(times::casts());
    all
}
