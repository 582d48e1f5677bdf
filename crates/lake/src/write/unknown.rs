//! Logs once what collectors ship and this backend does not know.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::decode::Unknown;

/// The most parts that are remembered. A fleet has far fewer views and columns.
const REMEMBERED: usize = 10_000;

/// The parts that are logged already.
#[derive(Debug, Default)]
pub(crate) struct UnknownParts(Mutex<BTreeSet<String>>);

impl UnknownParts {
    /// Logs the parts of a collector's batch that were not logged before.
    pub(crate) fn note(&self, collector: &str, parts: &[Unknown]) {
        for part in parts.iter().filter(|part| self.is_news(part)) {
            let what = part.to_string();
            match (&part.column, part.lost) {
                (_, 1..) => tracing::warn!(
                    collector.name = collector,
                    column = what,
                    values.lost = part.lost,
                    "a collector ships a column of another type than here; values that do not fit are null: upgrade the backend, or give it the \
                     same folder of views"
                ),
                (None, 0) => tracing::warn!(
                    collector.name = collector,
                    view = what,
                    "a collector ships a view that is unknown here; its rows are kept for a backend that knows the view: upgrade the backend, or \
                     give it the same folder of views"
                ),
                (Some(_), 0) => tracing::warn!(
                    collector.name = collector,
                    column = what,
                    "a collector ships a column that is unknown here; its values are kept for a backend that knows the column: upgrade the \
                     backend, or give it the same folder of views"
                ),
            }
        }
    }

    fn is_news(&self, part: &Unknown) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() < REMEMBERED && known.insert(format!("{part} {}", part.lost > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_news_once() {
        let parts = UnknownParts::default();
        let part = |column: Option<&str>, lost| Unknown { view: "v".into(), column: column.map(Into::into), rows: 1, lost };
        assert!(parts.is_news(&part(None, 0)) && parts.is_news(&part(Some("c"), 0)));
        assert!(!parts.is_news(&part(None, 0)) && !parts.is_news(&part(Some("c"), 0)));
        assert!(parts.is_news(&part(Some("c"), 1)), "lost values are other news");
    }
}
