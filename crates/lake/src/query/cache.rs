//! The lake's interface to a cache that replicas may share.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

/// The largest cached answer in bytes. Larger answers are not cached. A chart has about 10 kB.
pub const MAX_KEPT: usize = 1 << 20;

/// A cache of answers by key, shared by replicas.
#[async_trait]
pub trait AnswerCache: fmt::Debug + Send + Sync {
    /// Returns the bytes stored under a key, at most [`MAX_KEPT`]. Returns `None` rather than wait long.
    async fn get(&self, name: &str) -> Option<Bytes>;
    /// Stores bytes under a key for a limited time. May fail silently.
    async fn put(&self, name: &str, bytes: Vec<u8>);
}
