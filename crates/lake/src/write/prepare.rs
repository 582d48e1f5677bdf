//! Decodes and checks a whole batch, so that it is ready to be committed.

use bytes::Bytes;
use pganalytics_views::wire::{self, Header, Limits};

use super::error::IngestError;
use super::sighting::{SERVER_VIEW, sighted};
use crate::decode::{RowsError, Times, Unknown, shaped, unknown_view};
use crate::meta::{Progress, Sighting};
use crate::model::{Hot, Shapes};

/// A batch that is ready to be committed.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The batch as it is stored: as it was shipped, or with other times.
    pub(crate) body: Bytes,
    pub(crate) progress: Progress,
    /// Rows by view.
    pub(crate) hot: Vec<(String, Hot)>,
    pub(crate) sightings: Vec<Sighting>,
    /// The parts that this backend does not know.
    pub(crate) unknown: Vec<Unknown>,
}

/// Decodes and checks a batch, and moves its times to the backend's clock.
pub(crate) fn prepare(body: &Bytes, times: &Times, limits: &Limits, shapes: &Shapes) -> Result<Prepared, IngestError> {
    let mut batch = wire::decode(body, limits)?;
    let mut moved_rows = 0;
    for (_, rows) in &mut batch.frames {
        if let Some((moved, count)) = times.moved(rows) {
            *rows = moved;
            moved_rows += count;
        }
    }
    // Every reader of the stored batch must find the same times. The other times are about as long when compressed. If they are longer than the
    // limit, the batch is stored as it was shipped, and its readers bound the times.
    let encoded = (moved_rows > 0).then(|| wire::encode(batch.header.clone(), &batch.frames, limits).ok()).flatten();
    let body = encoded.map_or_else(|| body.clone(), Bytes::from);
    let mut hot = Vec::with_capacity(batch.frames.len());
    let (mut sightings, mut unknown) = (Vec::new(), Vec::new());
    for (view, rows) in &batch.frames {
        let Some(shape) = shapes.collected(view) else {
            if shapes.get(view).is_some() {
                let problem = "is computed by the backend, and no collector ships it".to_owned();
                return Err(RowsError::Malformed { view: view.clone(), problem }.into());
            }
            let (rows, what) = unknown_view(view, rows);
            unknown.push(what);
            hot.push((view.clone(), rows));
            continue;
        };
        let (one, parts) = shaped(shape, rows)?;
        unknown.extend(parts);
        if view == SERVER_VIEW {
            sightings.extend(sighted(&one.rows).into_iter().map(|seen| Sighting { ts: times.seen_us(seen.ts), ..seen }));
        }
        hot.push((view.clone(), one));
    }
    Ok(Prepared { body, progress: Progress { moved_rows, ..progress(&batch.header)? }, hot, sightings, unknown })
}

/// The number of rows, as stated in the header.
pub(crate) fn rows(header: &Header) -> u64 {
    header.frames.iter().fold(0, |sum, frame| sum.saturating_add(frame.rows))
}

/// The decompressed bytes, as stated in the header: a sufficient estimate of the memory of the rows.
pub(crate) fn bytes(header: &Header) -> u64 {
    header.frames.iter().fold(0, |sum, frame| sum.saturating_add(frame.bytes))
}

fn progress(header: &Header) -> Result<Progress, RowsError> {
    let whole = |number: u64, what: &str| {
        let problem = format!("{what} {number} is out of range");
        i64::try_from(number).map_err(|_| RowsError::Malformed { view: "(header)".into(), problem })
    };
    Ok(Progress {
        id: header.collector,
        name: header.collector_name.clone(),
        version: header.version.clone(),
        sequence: whole(header.sequence, "sequence")?,
        rows: whole(rows(header), "row count")?,
        dropped_rows: whole(header.dropped_rows, "count of dropped rows")?,
        status: header.status.clone(),
        lag_ms: None,
        skew_us: None,
        moved_rows: 0,
        token: None,
    })
}
