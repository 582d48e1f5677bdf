//! A disk that hangs: an ext4 file system on a loop device, which fsfreeze stops. Writes wait in the kernel, without an error, until the disk goes on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::machine::process::{is_root, run};

/// A mounted disk. Dropping the value lets the disk go on, and unmounts it.
#[derive(Debug)]
pub struct HangingDisk {
    folder: tempfile::TempDir,
}

impl HangingDisk {
    /// An empty disk of this size. Every user may write to it.
    ///
    /// # Errors
    /// If the disk cannot be made or mounted.
    pub fn of(bytes: u64) -> Result<Self> {
        ensure!(is_root(), "a disk that hangs is a mount, which needs root on Linux: run the tests as root");
        let folder = tempfile::Builder::new().prefix("pganalytics-hanging-").tempdir().context("create a temporary folder")?;
        let (image, mounted) = (folder.path().join("image"), folder.path().join("disk"));
        std::fs::File::create(&image).and_then(|file| file.set_len(bytes)).with_context(|| format!("create {}", image.display()))?;
        std::fs::create_dir(&mounted).with_context(|| format!("create {}", mounted.display()))?;
        run(Command::new("mkfs.ext4").arg("-q").arg(&image)).context("format a disk")?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mounted)).context("mount a disk (on a loop device)")?;
        let disk = Self { folder };
        run(Command::new("chmod").args(["1777"]).arg(disk.path())).context("let every user write to the disk")?;
        run(Command::new("chmod").args(["755"]).arg(disk.folder.path())).context("let every user reach the disk")?;
        Ok(disk)
    }

    /// The mounted folder.
    #[must_use]
    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("disk")
    }

    /// From now on, writes wait.
    ///
    /// # Errors
    /// If the file system cannot be frozen.
    pub fn hang(&self) -> Result<()> {
        run(Command::new("fsfreeze").arg("--freeze").arg(self.path())).context("freeze a disk")
    }

    /// Waiting writes go on.
    ///
    /// # Errors
    /// If the disk does not hang.
    pub fn go_on(&self) -> Result<()> {
        run(Command::new("fsfreeze").arg("--unfreeze").arg(self.path())).context("thaw a disk")
    }
}

impl Drop for HangingDisk {
    fn drop(&mut self) {
        // Fails if the disk does not hang.
        let _ = self.go_on();
        // Lazily: after a failed test, a process may still have a file open there.
        if let Err(error) = run(Command::new("umount").arg("--lazy").arg::<&Path>(&self.path())) {
            eprintln!("{error:#}");
        }
    }
}
