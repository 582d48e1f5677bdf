//! Decodes and checks a whole batch, so that it is ready to be committed.

use std::sync::Arc;

use pganalytics_views::wire::{self, Header, Limits};

use super::error::IngestError;
use super::sighting::{SERVER_VIEW, sighted};
use crate::decode::{RowsError, shaped};
use crate::meta::{Progress, Sighting};
use crate::model::{Hot, Shape, Shapes};

/// A batch that is ready to be committed.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) progress: Progress,
    pub(crate) hot: Vec<(Arc<Shape>, Hot)>,
    pub(crate) sightings: Vec<Sighting>,
}

/// Decodes and checks a batch.
pub(crate) fn prepare(body: &[u8], limits: &Limits, shapes: &Shapes) -> Result<Prepared, IngestError> {
    let batch = wire::decode(body, limits)?;
    let mut hot = Vec::with_capacity(batch.frames.len());
    let mut sightings = Vec::new();
    for (view, rows) in &batch.frames {
        let shape = shapes
            .collected(view)
            .ok_or_else(|| RowsError::UnknownView { view: view.clone(), collector: batch.header.collector_name.clone() })?;
        let one = shaped(shape, rows)?;
        if view == SERVER_VIEW {
            sightings.extend(sighted(&one.rows));
        }
        hot.push((Arc::clone(shape), one));
    }
    Ok(Prepared { progress: progress(&batch.header)?, hot, sightings })
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
    })
}
