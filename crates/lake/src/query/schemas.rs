//! The names of the SQL catalog and its schemas.

/// The catalog.
pub(crate) const CATALOG: &str = "pganalytics";
/// The schema of the views' tables.
pub(crate) const PUBLIC: &str = "public";
/// The schema of the tables that describe the other tables.
pub(crate) const DICTIONARY: &str = "pganalytics";
