//! A change of the history.

use std::collections::HashSet;

use super::hot::Hot;
use super::live_file::LiveFile;

/// A change of the history: new batches, and files that hold batches or replace other files.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Everything known before is dropped first.
    pub(crate) anew: bool,
    /// Batches up to this id are in files now.
    pub(crate) compacted: Option<i64>,
    pub(crate) added: Vec<LiveFile>,
    pub(crate) retired: HashSet<i64>,
    /// In the order of their ids.
    pub(crate) batches: Vec<Vec<(String, Hot)>>,
}
