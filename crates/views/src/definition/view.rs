//! A view: the columns, the SQL for each PostgreSQL version, and how often it is read.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::column::{Column, Kind};
use super::mark::Mark;
use super::tier::Tier;

/// What one reading of a view covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The server: read once, in any of its databases.
    Server,
    /// A database: read in each one that accepts connections.
    Database,
    /// The machine: read where the server runs on the collector's machine.
    Host,
}

/// What yields the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The definition's own SQL.
    Sql,
    /// A Rust probe in the collector, found by the view's name.
    Probe,
}

/// Which rows of a snapshot are shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ship {
    /// Rows that are new or differ from the last snapshot.
    Changed,
    /// Every row of every snapshot.
    Always,
}

/// The SQL for the major versions from `from` up to the next entry's `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    pub from: u32,
    /// The first version of the view's extension that the query fits. An upgraded server may still have an older version of the extension.
    pub extension: Option<String>,
    pub query: String,
    /// Where each column stands in the query, if the query lists them with `{columns}`.
    pub listed: Vec<Listed>,
}

/// The place of one column's expression in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The position among the view's columns and marks, of which the marks come last.
    pub column: usize,
    /// The bytes of the query that hold the expression and its name.
    pub place: Range<usize>,
}

/// The source of a rollup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The view whose rows are summed.
    pub view: Arc<View>,
    pub tier: Tier,
}

/// A set of rows of one shape, as one file of `views/*.toml` defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub name: String,
    pub summary: String,
    pub scope: Scope,
    pub source: Source,
    pub interval: Duration,
    pub timeout: Duration,
    pub ship: Ship,
    pub refresh: Option<Duration>,
    pub max_rows: usize,
    pub extension: Option<String>,
    pub privilege: Option<String>,
    /// The column that says when the row's counters were reset.
    pub reset: Option<String>,
    /// Counters whose fall proves that all counters of the row started again, and not that one alone.
    pub restarts_with: Vec<String>,
    /// The columns by which rows are chosen if there are more than `max_rows`, in addition to the counters' deltas.
    pub keep: Vec<String>,
    pub columns: Vec<Column>,
    pub marks: Vec<Mark>,
    pub sql: Vec<Sql>,
    /// Set for a rollup, which is not collected. See [`rollup`](mod@crate::rollup).
    pub rollup: Option<Origin>,
}

impl View {
    /// The SQL for a server of this major version: the newest entry whose `from` is not above the version. `None` means that the view
    /// came with a later version.
    #[must_use]
    pub fn sql_for(&self, major: u32) -> Option<&str> {
        self.entry_for(major).map(|sql| sql.query.as_str())
    }

    /// The same with the places of its columns.
    #[must_use]
    pub fn entry_for(&self, major: u32) -> Option<&Sql> {
        self.sql.iter().rev().find(|sql| sql.from <= major)
    }

    /// The major version whose SQL and columns fit a server. This is the server's own version, or an earlier one if the server has an older
    /// version of the view's extension (pg_upgrade does not update extensions). `None` means that the view does not exist there.
    #[must_use]
    pub fn major_for(&self, major: u32, installed: Option<&str>) -> Option<u32> {
        let new_enough = |entry: &Sql| match (&entry.extension, installed) {
            (Some(needed), Some(installed)) => version_parts(installed).ge(version_parts(needed)),
            _ => true,
        };
        let mut entries = self.sql.iter().rev().filter(|entry| entry.from <= major);
        match entries.next() {
            Some(newest) if new_enough(newest) => Some(major),
            _ => entries.find(|entry| new_enough(entry)).map(|entry| entry.from),
        }
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The position of a mark among columns and marks, of which the marks come last.
    #[must_use]
    pub fn mark(&self, name: &str) -> Option<usize> {
        let mark = self.marks.iter().position(|mark| mark.column.name == name)?;
        Some(self.columns.len() + mark)
    }

    /// The columns that form a row's key within a server, in order.
    pub fn labels(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.kind == Kind::Label)
    }

    /// Whether any column is shipped as a delta.
    #[must_use]
    pub fn has_counters(&self) -> bool {
        self.columns.iter().any(|column| column.kind == Kind::Counter)
    }
}

/// `1.11` as 1, 11. A part that is not a number counts as 0.
fn version_parts(version: &str) -> impl Iterator<Item = u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0))
}
