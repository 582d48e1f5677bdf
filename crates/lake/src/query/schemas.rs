//! How the catalog of SQL and its schemas are called.

/// The catalog.
pub(crate) const CATALOG: &str = "pganalytics";
/// The schema of the views' tables.
pub(crate) const PUBLIC: &str = "public";
/// The schema of the tables that say in words what the others hold.
pub(crate) const DICTIONARY: &str = "pganalytics";
