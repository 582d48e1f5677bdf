//! The spool's `state` file.

use std::path::Path;
use std::{fs, io};

use uuid::Uuid;

use crate::ship::durable::write_whole;

const FILE: &str = "state";

/// The persistent state of the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) identity: Uuid,
    /// Sequences below this one may have been used.
    pub(super) reserved: u64,
    /// Dropped rows that no header carries yet.
    pub(super) dropped_rows: u64,
}

impl State {
    /// Reads the state. `None`: there is no file yet. An error: the file cannot be read or parsed.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(folder.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        // `end` proves that the file is complete: a number that is cut off would be too small.
        let state = || {
            value("end")?;
            Some(Self {
                identity: value("identity")?.parse().ok()?,
                reserved: value("reserved")?.parse().ok()?,
                dropped_rows: value("dropped_rows")?.parse().ok()?,
            })
        };
        state().map(Some).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let text = format!("identity {}\nreserved {}\ndropped_rows {}\nend .\n", self.identity, self.reserved, self.dropped_rows);
        write_whole(folder, FILE, text.as_bytes())
    }
}
