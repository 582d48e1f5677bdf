//! The flags, which override the file and the environment.

use std::path::PathBuf;

use super::backend::Backend;
use crate::connect::secret::Secret;

/// Values that override the file and the environment: from flags, or from the process that embeds the collector.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Replaces the whole table `[backend]`.
    pub backend: Option<Backend>,
    pub backend_url: Option<String>,
    pub token: Option<Secret>,
    pub token_file: Option<PathBuf>,
    pub enrolment_token_file: Option<PathBuf>,
    pub spool_folder: Option<PathBuf>,
    pub name: Option<String>,
    /// An address, or "off".
    pub listen: Option<String>,
    /// Connection strings of additional targets.
    pub targets: Vec<String>,
    /// The process may start without any target.
    pub targets_optional: bool,
}
