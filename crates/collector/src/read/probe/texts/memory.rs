//! How much memory the server may use for a reading of texts.
//!
//! # How
//! `pg_stat_statements(true)` loads the file of all texts, and gathers all its rows before it returns the first one. Rows beyond `work_mem` go to
//! a temporary file. So `work_mem` is set to [`LEAST`] or more for this one query, of which the server allocates what the texts need. Texts that
//! need more are not read: the file's size tells, if the role may ask for the size; otherwise the first reading tells.

use std::time::Duration;

use crate::read::session::{Session, SessionError, bytes};

/// `work_mem` for a reading of texts: as much as `shared_buffers`, at least this many bytes and at most [`MOST`].
const LEAST: u64 = 512 << 20;
const MOST: u64 = 2 << 30;
/// Memory for each byte of text: the server rounds the size of small rows up to a power of two.
const PER_BYTE: u64 = 2;
const TIMEOUT: Duration = Duration::from_secs(5);

/// The size of `shared_buffers`, and whether the role may ask for the size of a file.
const SETTINGS: &str = "select s.setting::pg_catalog.int8 * pg_catalog.current_setting('block_size')::pg_catalog.int8, \
     pg_catalog.has_function_privilege('pg_catalog.pg_stat_file(text, boolean)', 'EXECUTE') \
     from pg_catalog.pg_settings as s where s.name = 'shared_buffers'";
/// The size of the file with the texts of all statements.
const FILE: &str = "select f.size from pg_catalog.pg_stat_file('pg_stat_tmp/pgss_query_texts.stat', true) as f";

/// How much memory a server may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    work_mem: u64,
    sees_file: bool,
}

impl Memory {
    pub(super) async fn of(session: &mut Session) -> Result<Self, SessionError> {
        let (mut shared_buffers, mut sees_file) = (0, false);
        session
            .read(SETTINGS, TIMEOUT, |row| {
                shared_buffers = number(bytes(row, 0)).unwrap_or_default();
                sees_file = bytes(row, 1) == Some(b"t");
            })
            .await?;
        Ok(Self::new(shared_buffers, sees_file))
    }

    fn new(shared_buffers: u64, sees_file: bool) -> Self {
        Self { work_mem: shared_buffers.clamp(LEAST, MOST), sees_file }
    }

    /// The setting for the query.
    pub(super) fn work_mem_mb(self) -> u64 {
        self.work_mem >> 20
    }

    /// The largest number of bytes of texts that fit into the memory.
    pub(super) fn fits(self) -> u64 {
        self.work_mem / PER_BYTE
    }

    /// The size of the file with the texts. `None` if the role may not ask for the size.
    pub(super) async fn file(&mut self, session: &mut Session) -> Result<Option<u64>, SessionError> {
        if !self.sees_file {
            return Ok(None);
        }
        let mut size = None;
        match session.read(FILE, TIMEOUT, |row| size = number(bytes(row, 0))).await {
            Ok(_) => Ok(size),
            Err(error) if error.is_harmless() => {
                self.sees_file = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn number(cell: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(cell?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_with_large_buffers_may_use_more_and_every_server_holds_256_megabytes_of_texts() {
        let of = |shared_buffers: u64| Memory::new(shared_buffers, false);
        assert_eq!((of(16 << 20).fits(), of(16 << 20).work_mem_mb()), (256 << 20, 512));
        assert_eq!((of(1 << 30).fits(), of(1 << 30).work_mem_mb()), (512 << 20, 1024));
        assert_eq!((of(1 << 40).fits(), of(1 << 40).work_mem_mb()), (1 << 30, 2048));
    }
}
