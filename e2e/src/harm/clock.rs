//! A wall clock of a process's own, by libfaketime: it jumps while the process runs. Time that only passes (timers, timeouts) is left alone, as
//! it is when an administrator or NTP sets a machine's clock.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// See the module.
#[derive(Debug)]
pub struct Clock {
    folder: tempfile::TempDir,
    library: PathBuf,
}

impl Clock {
    /// One that is right for now.
    ///
    /// # Errors
    /// When libfaketime is not installed.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-clock-").tempdir().context("create a temporary folder")?;
        let clock = Self { folder, library: library().context("libfaketime is not installed: run scripts/install/faults.sh")? };
        clock.jump(0)?;
        Ok(clock)
    }

    /// So many seconds ahead of the machine's clock from now on, or behind it.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn jump(&self, seconds: i64) -> Result<()> {
        let (draft, path) = (self.folder.path().join("draft"), self.path());
        std::fs::write(&draft, format!("{seconds:+}\n")).with_context(|| format!("write {}", draft.display()))?;
        std::fs::rename(&draft, &path).with_context(|| format!("write {}", path.display()))
    }

    /// What a process that has this clock is started with.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.path().display().to_string()),
            // Looked at each time: a test waits for what the jump causes.
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

/// Debian keeps it in a folder for each architecture.
fn library() -> Option<PathBuf> {
    const NAME: &str = "faketime/libfaketimeMT.so.1";
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.chain([PathBuf::from("/usr/lib")]).map(|folder| folder.join(Path::new(NAME))).find(|path| path.is_file())
}
