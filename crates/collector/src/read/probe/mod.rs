//! What yields rows: one generic reader of SQL views, and a probe each for what SQL cannot express. A probe returns a snapshot; when it is
//! read, and what becomes of it, is the target's.
//!
//! May use `session`, `redact` and `delta::rows`.
//! Used by `target`, and by `doctor`.

pub(crate) mod activity;
pub(crate) mod databases;
pub(crate) mod extension;
pub(crate) mod host;
pub(crate) mod server;
pub(crate) mod sql;
pub(crate) mod texts;
