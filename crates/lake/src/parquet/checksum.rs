//! A writer that counts the bytes written to it and computes their CRC-32.

use std::io::Write;

/// Counts bytes and computes their CRC-32.
pub(crate) struct ChecksumWriter<W> {
    pub(crate) sink: W,
    pub(crate) hasher: crc32fast::Hasher,
    pub(crate) bytes: u64,
}

impl<W: Write> Write for ChecksumWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}
