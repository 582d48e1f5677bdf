//! The newest size and age of each database of a server.
//!
//! # Promise
//! A database counts once, also after it was renamed: it is known by its oid. Rows of older collectors have no oid; such a database is known by its
//! name until a row with an oid has the same name.

use std::collections::BTreeMap;

/// How long sizes and ages stay valid, in microseconds. They are shipped when they change, and at least once a day.
pub(crate) const FACTS: i64 = 25 * 3_600_000_000;

/// The databases of one server.
#[derive(Debug, Default)]
pub(crate) struct Databases {
    by_oid: BTreeMap<i64, Database>,
    by_name: BTreeMap<String, Database>,
}

/// The size and age of a database, and the time they were read.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) ts: i64,
    pub(crate) name: String,
    pub(crate) size: Option<i64>,
    pub(crate) age: Option<i64>,
}

impl Databases {
    /// Notes a row. Rows may arrive in any order.
    pub(crate) fn note(&mut self, oid: Option<i64>, database: Database) {
        let ts = database.ts;
        match oid {
            Some(oid) => {
                self.by_name.remove(&database.name);
                if self.by_oid.get(&oid).is_none_or(|known| known.ts <= ts) {
                    self.by_oid.insert(oid, database);
                }
            }
            None if self.by_oid.values().any(|known| known.name == database.name) => {}
            None => {
                if self.by_name.get(&database.name).is_none_or(|known| known.ts <= ts) {
                    self.by_name.insert(database.name.clone(), database);
                }
            }
        }
        // A dropped database is no longer shipped, so its entry expires.
        self.by_oid.retain(|_, known| known.ts > ts - FACTS);
        self.by_name.retain(|_, known| known.ts > ts - FACTS);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Database> {
        self.by_oid.values().chain(self.by_name.values())
    }

    pub(crate) fn len(&self) -> usize {
        self.by_oid.len() + self.by_name.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ts: i64, name: &str, size: i64) -> Database {
        Database { ts, name: name.into(), size: Some(size), age: None }
    }

    fn sizes(databases: &Databases) -> Vec<(String, Option<i64>)> {
        databases.iter().map(|database| (database.name.clone(), database.size)).collect()
    }

    #[test]
    fn a_renamed_database_counts_once() {
        let mut databases = Databases::default();
        databases.note(Some(16_384), row(1, "shop", 100));
        databases.note(Some(16_384), row(2, "store", 110));
        databases.note(Some(16_384), row(1, "shop", 100));
        assert_eq!(sizes(&databases), [("store".to_owned(), Some(110))]);
        databases.note(Some(16_385), row(3, "shop", 7));
        assert_eq!(databases.len(), 2, "a new database with the old name");
    }

    #[test]
    fn a_database_of_an_older_collector_counts_once_after_the_upgrade_in_any_order() {
        for order in [[0, 1], [1, 0]] {
            let rows = [(None, row(1, "shop", 100)), (Some(16_384), row(2, "shop", 110))];
            let mut databases = Databases::default();
            for at in order {
                databases.note(rows[at].0, rows[at].1.clone());
            }
            assert_eq!(sizes(&databases), [("shop".to_owned(), Some(110))]);
        }
    }

    #[test]
    fn a_dropped_database_expires() {
        let mut databases = Databases::default();
        databases.note(Some(1), row(0, "gone", 1));
        databases.note(Some(2), row(FACTS, "here", 2));
        assert_eq!(sizes(&databases), [("here".to_owned(), Some(2))]);
    }
}
