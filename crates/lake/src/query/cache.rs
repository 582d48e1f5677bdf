//! The cache that replicas may share, as the lake sees it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

/// Bytes of a kept answer at most; longer ones are asked anew. A chart has some 10 kB.
pub const MAX_KEPT: usize = 1 << 20;

/// A cache that replicas share, of answers by name.
#[async_trait]
pub trait AnswerCache: fmt::Debug + Send + Sync {
    /// What is kept under a name: at most [`MAX_KEPT`] bytes, and soon or not at all.
    async fn get(&self, name: &str) -> Option<Bytes>;
    /// Keeps bytes under a name for a while, if it can.
    async fn put(&self, name: &str, bytes: Vec<u8>);
}
