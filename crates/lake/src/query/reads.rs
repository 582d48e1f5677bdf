//! The files and hot rows that a query reads, recorded while the query is planned.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Hot, LiveFile};

/// The files and hot rows that a query reads, recorded while the query is planned.
#[derive(Debug, Default)]
pub(crate) struct Reads(Mutex<ReadParts>);

#[derive(Debug, Default)]
struct ReadParts {
    /// Ids with a kind. Files have the kind ""; hot batches have their table's name, because a batch holds rows of several tables.
    parts: BTreeSet<(String, i64)>,
    fresh: bool,
}

impl Reads {
    /// Records files and hot rows of a table.
    pub(crate) fn note(&self, view: &str, files: &[Arc<LiveFile>], hot: &[Arc<Hot>]) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.parts.extend(files.iter().map(|file| (String::new(), file.id)));
        read.parts.extend(hot.iter().map(|hot| (view.to_owned(), hot.batch)));
    }

    /// The ids of the files that the query reads.
    pub(crate) fn files(&self) -> BTreeSet<i64> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.parts.iter().filter(|(table, _)| table.is_empty()).map(|(_, id)| *id).collect()
    }

    /// Records that the query reads rows without an id.
    pub(crate) fn note_fresh(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fresh = true;
    }

    /// All parts that the query reads. `None` if it reads rows without an id, or nothing.
    pub(crate) fn parts(&self) -> Option<BTreeSet<(String, i64)>> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!read.fresh && !read.parts.is_empty()).then(|| read.parts.clone())
    }
}
