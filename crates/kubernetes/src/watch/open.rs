//! Reads the lines of an open watch.

use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Instant;

/// A watch that is silent this long has lost its connection: the API sends a bookmark each minute if there is no other event.
const SILENCE: Duration = Duration::from_secs(300);
/// The maximum bytes of one event. etcd holds objects of up to 1.5 MiB.
pub(super) const LINE_CAP: usize = 8 << 20;

/// An open watch.
#[derive(Debug)]
pub(super) struct Open {
    answer: reqwest::Response,
    line: BytesMut,
    /// Bytes of the buffer that are known to hold no line end.
    searched: usize,
    pub(super) version: String,
    pub(super) opened: Instant,
    /// Whether the watch has sent any line.
    pub(super) delivered: bool,
}

pub(super) enum Cut {
    Connection,
    TooLong,
}

impl Open {
    pub(super) fn new(answer: reqwest::Response, version: String) -> Self {
        Self { answer, line: BytesMut::new(), searched: 0, version, opened: Instant::now(), delivered: false }
    }

    /// The next line. `None`: the API ended the watch.
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
