//! A small disk (tmpfs) that a test can fill and free. Dropping the value unmounts the disk.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::machine::process::{is_root, run};

/// The prefix of the disks' folders. The process id follows, so that disks of ended processes can be found.
const PREFIX: &str = "pganalytics-disk-";

/// A mounted disk.
#[derive(Debug)]
pub struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// An empty disk of this size. Every user may write to it.
    ///
    /// # Errors
    /// If the disk cannot be mounted.
    pub fn of(bytes: u64) -> Result<Self> {
        ensure!(is_root(), "a small disk is a mount, which needs root on Linux: run the tests as root");
        sweep();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().context("create a temporary folder")?;
        let options = format!("size={bytes},mode=1777");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path())).context("mount a small disk")?;
        Ok(Self { folder })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file until the disk is full.
    ///
    /// # Errors
    /// If writing fails for another reason.
    pub fn fill(&self) -> Result<()> {
        let path = self.filler();
        let mut file = File::options().create(true).append(true).open(&path).with_context(|| format!("create {}", path.display()))?;
        // Whole pages first, then single bytes: a small file would still fit beside whole pages.
        for piece in [vec![0; 1 << 20], vec![0; 4 << 10], vec![0; 1]] {
            loop {
                match file.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).with_context(|| format!("fill {}", path.display())),
                }
            }
        }
        Ok(())
    }

    /// Removes the file of [`Self::fill`].
    ///
    /// # Errors
    /// If the disk was not filled.
    pub fn free(&self) -> Result<()> {
        let path = self.filler();
        std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: after a failed test, a process may still have a file open there.
        if let Err(error) = run(Command::new("umount").arg("--lazy").arg(self.path())) {
            eprintln!("{error:#}");
        }
    }
}

/// Removes the disks of test processes that were killed.
fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // Another test may remove the same disk.
            let _ = run(Command::new("umount").arg("--lazy").arg(entry.path()));
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}
