//! Entries summed over an interval: one row for each thing that was said, however often.

use std::collections::HashMap;

use pganalytics_views::View;

use super::entry::Entry;
use crate::delta::rows::{Rows, Snapshot};
use crate::read::redact::Redacted;

/// The entries of one interval.
#[derive(Debug, Default)]
pub(crate) struct Window {
    said: HashMap<Entry, Occurrences>,
    cut: u64,
}

#[derive(Debug)]
struct Occurrences {
    entries: i64,
    first_us: i64,
    last_us: i64,
}

impl Window {
    /// Counts an entry of this time; of new ones only so many are taken.
    pub(crate) fn add(&mut self, entry: Entry, at_us: i64, max_rows: usize) {
        if let Some(said) = self.said.get_mut(&entry) {
            said.entries += 1;
            said.first_us = said.first_us.min(at_us);
            said.last_us = said.last_us.max(at_us);
        } else if self.said.len() < max_rows {
            self.said.insert(entry, Occurrences { entries: 1, first_us: at_us, last_us: at_us });
        } else {
            self.cut += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// The view's rows.
    pub(crate) fn finish(self, view: &View, ts_us: i64) -> Snapshot {
        let mut rows = Rows::new(view, self.said.len());
        for (entry, said) in &self.said {
            for (column, definition) in view.columns.iter().enumerate() {
                match definition.name.as_str() {
                    "datname" => rows.set_text(column, entry.database.as_deref()),
                    "usename" => rows.set_text(column, entry.user.as_deref()),
                    "application_name" => rows.set_text(column, entry.application.as_deref()),
                    "backend_type" => rows.set_text(column, entry.backend_type.as_deref()),
                    "error_severity" => rows.set_text(column, Some(&entry.severity)),
                    "sql_state_code" => rows.set_text(column, entry.sqlstate.as_deref()),
                    "message" => rows.set_text(column, entry.message.as_ref().map(Redacted::as_str)),
                    "entries" => rows.set_int(column, Some(said.entries)),
                    "first_at" => rows.set_int(column, Some(said.first_us)),
                    "last_at" => rows.set_int(column, Some(said.last_us)),
                    _ => rows.set_int(column, None),
                }
            }
            rows.end_row();
        }
        rows.finish(ts_us, self.cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_one_row_and_what_is_too_much_is_counted() {
        let views = pganalytics_views::ViewSet::builtin().expect("the built-in views");
        let view = views.get("postgres_log").expect("the view");
        let entry = |message: &str| Entry {
            severity: "ERROR".into(),
            message: Some(crate::read::redact::message(message, None)),
            ..Entry::default()
        };
        let mut window = Window::default();
        for (message, at_us) in [("a", 5), ("b", 6), ("a", 3), ("a", 9), ("c", 10), ("c", 11)] {
            window.add(entry(message), at_us, 2);
        }
        let snapshot = window.finish(view, 20);
        assert_eq!((snapshot.rows, snapshot.cut), (2, 2));
        let int = |name: &str| {
            use arrow_array::cast::AsArray as _;
            let at = view.columns.iter().position(|column| column.name == name).expect("a column");
            let column = &snapshot.columns[at];
            column.as_primitive_opt::<arrow_array::types::Int64Type>().map_or_else(
                || column.as_primitive::<arrow_array::types::TimestampMicrosecondType>().values().to_vec(),
                |column| column.values().to_vec(),
            )
        };
        let mut rows: Vec<_> = int("entries").into_iter().zip(int("first_at")).zip(int("last_at")).collect();
        rows.sort_unstable();
        assert_eq!(rows, [((1, 6), 6), ((3, 3), 9)]);
    }
}
