//! A column of a view: its name, kind, type, unit and versions.

/// The oldest PostgreSQL major version that the collector reads.
pub const OLDEST_VERSION: u32 = 14;

/// The columns in front of every table. A view's own columns have other names.
pub const RESERVED_COLUMNS: [&str; 3] = ["ts", "server", "interval_ms"];

/// What a column means to the collector, the store and the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Part of the row's key within a server.
    Label,
    /// A number that only grows. It is shipped and stored as the delta over the row's interval.
    Counter,
    /// A value at a moment.
    Gauge,
    /// A fact that describes the row.
    Text,
}

/// A column's type: in the SQL result, in the store, and in the SQL table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Bool,
    /// A 64-bit integer. The SQL casts narrower integers and oids.
    Int8,
    Float8,
    Text,
    /// Stored as microseconds in UTC.
    Timestamptz,
    /// float8 milliseconds in the SQL result, integer nanoseconds in the store, float8 milliseconds in the SQL table.
    Duration,
}

/// One column of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// A label that identifies the row for good, such as an oid. If a view has such labels, they alone are the key of its rows in the
    /// collector; its other labels are names, which may change.
    pub identity: bool,
    pub r#type: Type,
    pub unit: Option<String>,
    /// The first major version that has the column; [`OLDEST_VERSION`] by default.
    pub from: u32,
    /// The first major version that no longer has the column.
    pub until: Option<u32>,
    pub help: String,
}

impl Column {
    /// Whether a server of this major version has the column.
    #[must_use]
    pub fn is_in(&self, major: u32) -> bool {
        self.from <= major && self.until.is_none_or(|until| major < until)
    }
}
