//! How the history changes.

use std::collections::HashSet;

use super::hot::Hot;
use super::live_file::LiveFile;

/// How the history changes: batches that came, files that hold batches or replace files.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// What is known is forgotten first.
    pub(crate) anew: bool,
    /// Hot batches up to this id are in files now.
    pub(crate) compacted: Option<i64>,
    pub(crate) added: Vec<LiveFile>,
    pub(crate) retired: HashSet<i64>,
    /// In order of their ids.
    pub(crate) batches: Vec<Vec<(String, Hot)>>,
}
