//! The table `[spool]`: the folder of waiting batches, and its size.

use std::path::{Path, PathBuf};

use super::overrides::Overrides;
use super::place::{ConfigError, Place};

/// The default size: days of a busy server while the backend is away.
pub(super) const DEFAULT_SPOOL_BYTES: u64 = 1 << 30;
const DEFAULT_SPOOL_FOLDER: &str = "/var/lib/pganalytics-collector";
/// The least size: a smaller spool could not hold one large batch.
const MIN_SPOOL_BYTES: u64 = 32 << 20;
/// The file of the collector's own credential in the spool's folder.
pub(crate) const CREDENTIAL_FILE: &str = "credential";
const SPOOL_KEYS: &[&str] = &["folder", "max_bytes"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    pub folder: PathBuf,
    pub max_bytes: u64,
}

impl SpoolOptions {
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), max_bytes: DEFAULT_SPOOL_BYTES }
    }
}

/// The path of the collector's own credential.
pub(crate) fn credential_file(folder: &Path) -> PathBuf {
    folder.join(CREDENTIAL_FILE)
}

pub(super) fn read(spool: &Place<'_>, overrides: &Overrides) -> Result<SpoolOptions, ConfigError> {
    spool.only(SPOOL_KEYS)?;
    let folder = overrides.spool_folder.clone().or(spool.string("folder", "PGANALYTICS_SPOOL_FOLDER")?.map(PathBuf::from));
    let folder = folder.unwrap_or_else(|| DEFAULT_SPOOL_FOLDER.into());
    let max_bytes = spool.size("max_bytes", "PGANALYTICS_SPOOL_MAX_BYTES")?.unwrap_or(DEFAULT_SPOOL_BYTES);
    if max_bytes < MIN_SPOOL_BYTES {
        return Err(spool.error("max_bytes", "is too small", "set at least \"32MiB\""));
    }
    Ok(SpoolOptions { folder, max_bytes })
}
