//! A server's folder: its data, configuration, socket and log.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::options::Options;
use crate::machine::files::{copy_folder, give_away, write_for_server};

/// A temporary folder that holds a server's data, socket and log. Dropping the value removes the folder.
#[derive(Debug)]
pub(super) struct DataFolder(tempfile::TempDir);

impl DataFolder {
    /// A folder with a copy of this data.
    pub(super) fn copy_of(data: &Path) -> Result<Self> {
        let prefix = format!("pganalytics-pg-{}-", std::process::id());
        let folder = Self(tempfile::Builder::new().prefix(&prefix).tempdir().context("create a temporary folder")?);
        give_away(folder.path())?;
        copy_folder(data, &folder.data())?;
        Ok(folder)
    }

    /// The whole folder; the unix socket is in it.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Writes postgresql.conf and pg_hba.conf.
    pub(super) fn configure(&self, options: &Options, port: u16) -> Result<()> {
        self.append("postgresql.conf", &options.conf(port, self.path()))?;
        let path = self.data().join("pg_hba.conf");
        std::fs::write(&path, options.rules()).with_context(|| format!("write {}", path.display()))
    }

    /// Appends lines to a configuration file.
    pub(super) fn append(&self, file: &str, text: &str) -> Result<()> {
        let path = self.data().join(file);
        let whole = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))? + text;
        std::fs::write(&path, whole).with_context(|| format!("write {}", path.display()))
    }

    /// Makes the data those of a standby of the server on this port.
    pub(super) fn make_standby(&self, port: u16, primary_port: u16) -> Result<()> {
        let settings = format!("port = {port}\nprimary_conninfo = 'host=127.0.0.1 port={primary_port} user=postgres'\n");
        self.append("postgresql.conf", &settings)?;
        write_for_server(&self.data().join("standby.signal"), "")
    }

    /// Moves the data to another disk. The write-ahead log stays here: a server without room for it ends itself, which is another fault.
    pub(super) fn move_data(&self, disk: &Path) -> Result<()> {
        let (from, to) = (self.data(), disk.join("data"));
        copy_folder(&from, &to)?;
        let log = self.path().join("wal");
        std::fs::rename(from.join("pg_wal"), &log).context("move the write-ahead log")?;
        std::fs::remove_dir_all(&from).with_context(|| format!("remove {}", from.display()))?;
        std::fs::remove_dir_all(to.join("pg_wal")).context("remove the write-ahead log's copy")?;
        for (target, link) in [(&log, to.join("pg_wal")), (&to, from)] {
            std::os::unix::fs::symlink(target, &link).with_context(|| format!("link {}", link.display()))?;
        }
        Ok(())
    }
}
