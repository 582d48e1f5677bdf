//! What yields rows: one generic reader of SQL views, and a probe each for what SQL cannot express.

pub(crate) mod activity;
pub(crate) mod host;
pub(crate) mod log;
pub(crate) mod server;
pub(crate) mod sql;
pub(crate) mod texts;
