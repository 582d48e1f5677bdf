//! Sums the entries of an interval: one row for each distinct entry, however often it occurs.

use std::collections::HashMap;

use pganalytics_views::View;

use super::entry::Entry;
use crate::delta::OTHER;
use crate::delta::rows::{Rows, Snapshot};
use crate::read::redact::Redacted;

/// The entries of one interval.
#[derive(Debug, Default)]
pub(crate) struct Window {
    said: HashMap<Entry, Occurrences>,
    /// The sum of the entries that have no row of their own.
    other: Option<Occurrences>,
    cut: u64,
}

/// How many distinct entries are held for each row that is shipped.
const HELD_PER_ROW: usize = 10;

#[derive(Debug)]
struct Occurrences {
    entries: i64,
    first_us: i64,
    last_us: i64,
}

impl Window {
    /// Counts an entry with its time. More distinct entries are held than rows are shipped, because only the end of the interval shows
    /// which of them matter.
    pub(crate) fn add(&mut self, entry: Entry, at_us: i64, max_rows: usize) {
        if let Some(said) = self.said.get_mut(&entry) {
            said.entries += 1;
            said.first_us = said.first_us.min(at_us);
            said.last_us = said.last_us.max(at_us);
        } else if self.said.len() < max_rows.saturating_mul(HELD_PER_ROW) {
            self.said.insert(entry, Occurrences { entries: 1, first_us: at_us, last_us: at_us });
        } else {
            self.cut += 1;
            self.other(at_us, at_us, 1);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// Makes the view's rows.
    pub(crate) fn finish(mut self, view: &View, ts_us: i64) -> Snapshot {
        self.keep(view.max_rows);
        let mut rows = Rows::new(view, self.said.len() + 1);
        let label = || Some(OTHER.to_owned());
        let other = Entry {
            database: label(),
            user: label(),
            application: label(),
            backend_type: label(),
            severity: OTHER.into(),
            sqlstate: label(),
            ..Entry::default()
        };
        for (entry, said) in self.said.iter().chain(self.other.as_ref().map(|said| (&other, said))) {
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

    /// Keeps the most severe entries, and of these the most frequent. The other entries are summed.
    fn keep(&mut self, max_rows: usize) {
        if self.said.len() <= max_rows {
            return;
        }
        let mut order: Vec<_> = self.said.drain().collect();
        order.sort_by_key(|(entry, said)| (severity(entry), std::cmp::Reverse(said.entries)));
        for (_, said) in order.split_off(max_rows) {
            self.cut += 1;
            self.other(said.first_us, said.last_us, said.entries);
        }
        self.said.extend(order);
    }

    fn other(&mut self, first_us: i64, last_us: i64, entries: i64) {
        let other = self.other.get_or_insert(Occurrences { entries: 0, first_us, last_us });
        other.entries += entries;
        other.first_us = other.first_us.min(first_us);
        other.last_us = other.last_us.max(last_us);
    }
}

/// The rank of an entry's severity, most severe first. Unknown severities rank between errors and warnings.
fn severity(entry: &Entry) -> u8 {
    match entry.severity.as_str() {
        "PANIC" => 0,
        "FATAL" => 1,
        "ERROR" => 2,
        "WARNING" => 4,
        "NOTICE" | "LOG" | "INFO" => 5,
        severity if severity.starts_with("DEBUG") => 6,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_messages_become_one_row_and_the_most_severe_and_frequent_are_kept() {
        let mut view =
            pganalytics_views::ViewSet::builtin().expect("the built-in views").get("postgres_log").expect("the view").as_ref().clone();
        view.max_rows = 2;
        let entry = |severity: &str, message: &str| Entry {
            severity: severity.into(),
            message: Some(crate::read::redact::message(message, None)),
            ..Entry::default()
        };
        let mut window = Window::default();
        for (severity, message, at_us) in [
            ("LOG", "shutting down", 5),
            ("LOG", "deadlock detected", 6),
            ("LOG", "shutting down", 3),
            ("LOG", "deadlock detected", 9),
            ("LOG", "deadlock detected", 10),
            ("FATAL", "out of memory", 11),
            ("LOG", "division by zero", 12),
        ] {
            window.add(entry(severity, message), at_us, view.max_rows);
        }
        let snapshot = window.finish(&view, 20);
        assert_eq!((snapshot.rows, snapshot.cut), (3, 2));
        let column = |name: &str| &snapshot.columns[view.columns.iter().position(|column| column.name == name).expect("a column")];
        let int = |name: &str| {
            use arrow_array::cast::AsArray as _;
            let column = column(name);
            column.as_primitive_opt::<arrow_array::types::Int64Type>().map_or_else(
                || column.as_primitive::<arrow_array::types::TimestampMicrosecondType>().values().to_vec(),
                |column| column.values().to_vec(),
            )
        };
        let severities: Vec<_> = {
            use arrow_array::cast::AsArray as _;
            column("error_severity").as_string::<i32>().iter().map(|severity| severity.unwrap_or_default().to_owned()).collect()
        };
        let mut rows: Vec<_> = severities.into_iter().zip(int("entries")).zip(int("first_at")).zip(int("last_at")).collect();
        rows.sort();
        let row = |severity: &str, entries, first, last| (((severity.to_owned(), entries), first), last);
        assert_eq!(rows, [row(OTHER, 3, 3, 12), row("FATAL", 1, 11, 11), row("LOG", 3, 6, 10)]);
    }
}
