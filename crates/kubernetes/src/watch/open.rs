//! A watch that is open: its lines.

use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Instant;

/// A connection whose other end vanished is noticed so: bookmarks come each minute where nothing else does.
const SILENCE: Duration = Duration::from_secs(300);
/// One event. etcd holds objects of up to 1.5 MiB.
pub(super) const LINE_CAP: usize = 8 << 20;

/// A watch that is open.
#[derive(Debug)]
pub(super) struct Open {
    answer: reqwest::Response,
    line: BytesMut,
    /// Bytes of the line known to hold no end.
    searched: usize,
    pub(super) version: String,
    pub(super) opened: Instant,
    /// Whether it told anything.
    pub(super) told: bool,
}

pub(super) enum Cut {
    Connection,
    TooLong,
}

impl Open {
    pub(super) fn new(answer: reqwest::Response, version: String) -> Self {
        Self { answer, line: BytesMut::new(), searched: 0, version, opened: Instant::now(), told: false }
    }

    /// The next line; `None` where the API ended the watch.
    pub(super) async fn line(&mut self) -> Result<Option<BytesMut>, Cut> {
        loop {
            if let Some(end) = self.line[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.line.split_to(self.searched + end + 1);
                self.searched = 0;
                if line.len() > 1 {
                    return Ok(Some(line));
                }
                continue;
            }
            self.searched = self.line.len();
            if self.searched > LINE_CAP {
                return Err(Cut::TooLong);
            }
            match tokio::time::timeout(SILENCE, self.answer.chunk()).await {
                Ok(Ok(Some(chunk))) => self.line.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(_)) | Err(_) => return Err(Cut::Connection),
            }
        }
    }
}
