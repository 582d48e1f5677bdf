//! The envelopes of lists, watches and errors.

use serde::Deserialize;

use super::object::ObjectMeta;

/// A page of a collection.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, bound = "K: Deserialize<'de>")]
pub(crate) struct List<K> {
    pub metadata: ListMeta,
    pub items: Option<Vec<K>>,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self { metadata: ListMeta::default(), items: None }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ListMeta {
    pub resource_version: String,
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

/// The body of an error answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub code: u16,
    pub reason: String,
    pub message: String,
}

/// A line of a watch.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
pub(crate) enum WatchEvent<K> {
    Added(K),
    Modified(K),
    Deleted(K),
    Bookmark(Bookmark),
    Error(Status),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Bookmark {
    pub metadata: ObjectMeta,
}
