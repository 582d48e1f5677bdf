//! The flags, which stand above the file and the environment.

use std::path::PathBuf;

use super::backend::Backend;
use crate::connect::secret::Secret;

/// What stands above the file and the environment: the flags, or the process that has the collector in it.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Instead of anything `[backend]` says.
    pub backend: Option<Backend>,
    pub backend_url: Option<String>,
    pub token: Option<Secret>,
    pub token_file: Option<PathBuf>,
    pub enrolment_token_file: Option<PathBuf>,
    pub spool_folder: Option<PathBuf>,
    pub name: Option<String>,
    /// An address, or "off".
    pub listen: Option<String>,
    /// Connection strings of targets beside those of the file.
    pub targets: Vec<String>,
    /// No target is needed: the process may start without.
    pub targets_optional: bool,
}
