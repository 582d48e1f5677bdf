//! What a query reads, noted as it is planned.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Hot, LiveFile};

/// What a query reads, noted as it is planned.
#[derive(Debug, Default)]
pub(crate) struct Reads(Mutex<ReadParts>);

#[derive(Debug, Default)]
struct ReadParts {
    /// Files by "", hot batches by their table: a batch has rows of many.
    parts: BTreeSet<(String, i64)>,
    fresh: bool,
}

impl Reads {
    /// Files and hot rows of a table.
    pub(crate) fn note(&self, view: &str, files: &[Arc<LiveFile>], hot: &[Arc<Hot>]) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.parts.extend(files.iter().map(|file| (String::new(), file.id)));
        read.parts.extend(hot.iter().map(|hot| (view.to_owned(), hot.batch)));
    }

    /// The ids of the files that are read.
    pub(crate) fn files(&self) -> BTreeSet<i64> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.parts.iter().filter(|(table, _)| table.is_empty()).map(|(_, id)| *id).collect()
    }

    /// Rows that have no name.
    pub(crate) fn note_fresh(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fresh = true;
    }

    /// What was read, each part by its name; none where rows without a name were, or nothing at all.
    pub(crate) fn parts(&self) -> Option<BTreeSet<(String, i64)>> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!read.fresh && !read.parts.is_empty()).then(|| read.parts.clone())
    }
}
