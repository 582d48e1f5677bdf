//! How far each collector has come.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

/// Each collector's high-water mark, so that most replays are seen without decoding or asking the store. Raised after the rows are
/// visible, never before.
#[derive(Debug, Default)]
pub(crate) struct Marks(RwLock<HashMap<Uuid, u64>>);

impl Marks {
    pub(crate) fn has(&self, collector: Uuid, sequence: u64) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&collector).is_some_and(|mark| sequence <= *mark)
    }

    pub(crate) fn raise(&self, collector: Uuid, sequence: u64) {
        let mut marks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mark = marks.entry(collector).or_default();
        *mark = sequence.max(*mark);
    }
}
