//! The probes, which read views: one generic probe for SQL views, and one probe for each view that SQL cannot express. A probe returns a
//! snapshot. The target decides when to read and processes the snapshot.
//!
//! May use `session`, `redact` and `delta::rows`.
//! Used by `target`, and by `doctor`.

pub(crate) mod activity;
pub(crate) mod databases;
pub(crate) mod extension;
pub(crate) mod host;
pub(crate) mod refused;
pub(crate) mod server;
pub(crate) mod sql;
pub(crate) mod texts;
pub(crate) mod took;
pub(crate) mod wishes;
