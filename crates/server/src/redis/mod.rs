//! Redis: a cache and shared counts of replicas, which can do without it.
//!
//! For: answers to queries, and attempts to log in. Uses: `secret`. Used by: `limiter`, `app`, and by the lake as its cache of answers.
//!
//! # Promise
//! Redis holds nothing that would be missed: attempts to log in, and answers that a query can compute again. No request waits longer than
//! 250 ms for it, and after a failure it is not used for a second. So Redis may be unavailable, slow, empty or full at any time. Redis 6
//! and later, and Valkey, are supported. All keys begin with `pganalytics:`.

mod answers;
mod attempts;
mod connection;
mod url;

pub use connection::{Redis, RedisOptions};
pub use url::{RedisUrl, RedisUrlError};
