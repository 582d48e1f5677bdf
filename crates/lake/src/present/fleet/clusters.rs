//! The PostgreSQL clusters that report under one server's name.
//!
//! # Promise
//! A name whose cluster changes once (a new `initdb`, a restored backup) has no conflict. Two clusters that report under one name at the same
//! time are a conflict, because their rows mix in one history that is right for neither.

use std::collections::BTreeMap;

/// How long a cluster must be silent until its conflict is over, in microseconds.
const WINDOW: i64 = 5 * 60_000_000;
/// The most clusters that are remembered for a name. Two are enough for a conflict.
const REMEMBERED: usize = 4;

/// The clusters that reported recently, by system identifier.
#[derive(Debug, Default)]
pub(crate) struct Clusters(BTreeMap<String, Reports>);

#[derive(Debug)]
struct Reports {
    first: i64,
    last: i64,
    collector: String,
}

impl Clusters {
    /// Notes a row of a server that answered.
    pub(crate) fn note(&mut self, ts: i64, identifier: &str, collector: &str) {
        let has_room = self.0.len() < REMEMBERED;
        match self.0.get_mut(identifier) {
            Some(reports) => {
                reports.first = reports.first.min(ts);
                if reports.last <= ts {
                    (reports.last, reports.collector) = (ts, collector.to_owned());
                }
            }
            None if has_room => {
                self.0.insert(identifier.to_owned(), Reports { first: ts, last: ts, collector: collector.to_owned() });
            }
            None => {}
        }
        let newest = self.0.values().map(|reports| reports.last).max().unwrap_or(ts);
        self.0.retain(|_, reports| reports.last > newest - WINDOW);
    }

    /// The conflict and its remedy, if clusters report at the same time.
    pub(crate) fn conflict(&self) -> Option<String> {
        let overlaps = |a: &Reports, b: &Reports| a.first < b.last && b.first < a.last;
        let mixed: Vec<_> = self
            .0
            .iter()
            .filter(|(identifier, reports)| self.0.iter().any(|(other, of)| other != *identifier && overlaps(reports, of)))
            .map(|(identifier, reports)| format!("{identifier} (read by collector {})", reports.collector))
            .collect();
        (!mixed.is_empty()).then(|| {
            format!(
                "clusters with different system identifiers report under this name: {}; give each cluster its own [[target]] name",
                mixed.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn two_clusters_at_the_same_time_are_a_conflict_and_successive_clusters_are_not() {
        let mut clusters = Clusters::default();
        for ts in [0, 10, 20] {
            clusters.note(ts * SECOND, "1", "a");
        }
        assert_eq!(clusters.conflict(), None);
        clusters.note(30 * SECOND, "2", "b");
        assert_eq!(clusters.conflict(), None, "the server was created again");
        clusters.note(40 * SECOND, "1", "a");
        clusters.note(41 * SECOND, "2", "b");
        let conflict = clusters.conflict().expect("a conflict");
        assert!(
            conflict.contains("1 (read by collector a), 2 (read by collector b); give each cluster its own [[target]] name"),
            "{conflict}"
        );
        // Cluster 1 has its own name now.
        for ts in [60, 200, 345] {
            clusters.note(ts * SECOND, "2", "b");
        }
        assert_eq!(clusters.conflict(), None);
    }

    #[test]
    fn only_a_few_clusters_are_remembered() {
        let mut clusters = Clusters::default();
        (0..100).for_each(|n| clusters.note(n, &n.to_string(), "c"));
        assert!(clusters.0.len() <= REMEMBERED);
    }
}
