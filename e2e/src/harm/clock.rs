//! A wall clock for one process (libfaketime) that can jump while the process runs. Timers and timeouts do not jump, just as when an administrator
//! or NTP sets a machine's clock.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A clock; see the module.
#[derive(Debug)]
pub struct Clock {
    folder: tempfile::TempDir,
    library: PathBuf,
}

impl Clock {
    /// A clock that shows the machine's time.
    ///
    /// # Errors
    /// If libfaketime is not installed.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-clock-").tempdir().context("create a temporary folder")?;
        let clock = Self { folder, library: library().context("libfaketime is not installed: run scripts/install/faults.sh")? };
        clock.jump(0)?;
        Ok(clock)
    }

    /// Sets the clock this many seconds ahead of the machine's clock, or behind it if negative.
    ///
    /// # Errors
    /// If the offset cannot be written to the clock's file.
    pub fn jump(&self, seconds: i64) -> Result<()> {
        let (draft, path) = (self.folder.path().join("draft"), self.path());
        std::fs::write(&draft, format!("{seconds:+}\n")).with_context(|| format!("write {}", draft.display()))?;
        std::fs::rename(&draft, &path).with_context(|| format!("write {}", path.display()))
    }

    /// The environment variables of a process with this clock.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.path().display().to_string()),
            // libfaketime reads the file at each call: a test waits for the effect of a jump.
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

/// The library, which Debian keeps in a folder per architecture.
fn library() -> Option<PathBuf> {
    const NAME: &str = "faketime/libfaketimeMT.so.1";
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.chain([PathBuf::from("/usr/lib")]).map(|folder| folder.join(Path::new(NAME))).find(|path| path.is_file())
}
