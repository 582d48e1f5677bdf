//! Remembers how far a container's log was read, and reads the next piece.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, SubsecRound as _, TimeDelta, Utc};
use pganalytics_kubernetes::{ApiError, Client, LogPiece};
use tokio::sync::Mutex;

use crate::find::kubernetes::pod::Facts;
use crate::read::target::Piece;

/// The most bytes of one request.
const PIECE_BYTES: usize = 1 << 20;
/// The most requests in one reading. A server that writes more than 400 kB a second writes more than anybody can read.
const PIECES: usize = 4;
/// A log that is further behind than this will not catch up.
const BEHIND: TimeDelta = TimeDelta::minutes(5);

/// A pod's log, and how far it was read.
#[derive(Debug)]
pub(crate) struct PodLog {
    client: Arc<Client>,
    place: Mutex<Place>,
}

#[derive(Debug)]
struct Place {
    /// The time of the last line that was read.
    until: DateTime<Utc>,
    container_id: Option<String>,
}

impl PodLog {
    /// A log that is read from `since` on.
    pub(crate) fn new(client: Arc<Client>, since: DateTime<Utc>) -> Self {
        Self { client, place: Mutex::new(Place { until: since, container_id: None }) }
    }

    /// Reads the lines that were written since the last reading.
    ///
    /// # Errors
    /// See [`ApiError`]. After an error, the next reading begins where this one began.
    pub(crate) async fn read(&self, facts: &Facts) -> Result<Piece, ApiError> {
        // A container that was never started has no log.
        let Some(container_id) = &facts.container_id else { return Ok(Piece::default()) };
        let mut place = self.place.lock().await;
        let (mut piece, mut until) = (Piece::default(), place.until);
        if place.container_id.as_ref().is_some_and(|before| before != container_id) {
            // Reads the previous container's last lines, which show why the container ended.
            if self.take(facts, true, &mut until, &mut piece).await? {
                place.until = until;
                return Ok(piece);
            }
        }
        let more = self.take(facts, false, &mut until, &mut piece).await?;
        let behind = Utc::now() - until;
        if more && behind > BEHIND {
            piece.skipped_s += behind.num_seconds();
            until += behind;
        }
        *place = Place { until, container_id: Some(container_id.clone()) };
        Ok(piece)
    }

    /// Reads on from `until`, up to the limits. Returns whether there is more.
    async fn take(&self, facts: &Facts, previous: bool, until: &mut DateTime<Utc>, piece: &mut Piece) -> Result<bool, ApiError> {
        for _ in 0..PIECES {
            let since = until.to_rfc3339_opts(SecondsFormat::Secs, true);
            let which = LogPiece { container: facts.container.as_deref(), since: &since, limit_bytes: PIECE_BYTES, previous };
            let bytes = match self.client.logs(&facts.namespace, &facts.pod, &which).await {
                Ok(bytes) => bytes,
                // The container has not started yet, or no previous log is kept, or the pod is gone.
                Err(ApiError::Refused { .. } | ApiError::NotFound(_)) => return Ok(false),
                Err(error) => return Err(error),
            };
            let full = bytes.len() >= PIECE_BYTES;
            if !append(&bytes, full, until, &mut piece.lines) && full {
                // One second of the log is larger than a piece. The request counts whole seconds, so the rest of this second cannot be
                // read.
                *until = until.trunc_subsecs(0) + TimeDelta::seconds(1);
                piece.skipped_s += 1;
            }
            if !full {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Takes the lines after `until`, and advances `until`. Returns whether there were any.
fn append(bytes: &Bytes, full: bool, until: &mut DateTime<Utc>, lines: &mut Vec<(DateTime<Utc>, String)>) -> bool {
    // The last line of a piece that was cut is incomplete.
    let whole = if full { bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1) } else { bytes.len() };
    let (text, before) = (String::from_utf8_lossy(&bytes[..whole]), lines.len());
    let since = *until;
    for line in text.lines() {
        let Some((time, text)) = line.split_once(' ') else { continue };
        let Ok(time) = DateTime::parse_from_rfc3339(time) else { continue };
        let time = time.to_utc();
        if time > since {
            lines.push((time, text.to_owned()));
            *until = time.max(*until);
        }
    }
    lines.len() > before
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
