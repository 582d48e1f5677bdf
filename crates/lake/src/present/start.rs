//! Fills the fleet's tables at a start, from the newest rows in files.

use arrow::array::cast::AsArray as _;
use arrow::array::types::TimestampMicrosecondType;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use pganalytics_views::clock::MARKED_FROM_US;

use super::fleet::{NOTED, SnapshotSums};
use super::snapshot::Present;
use crate::model::{Shapes, TS_AT};
use crate::parquet::Files;

/// Fills the fleet's tables from the newest files. Rows that cannot be read do not stop the lake from opening. Such rows are missing in
/// these tables until newer rows are collected.
pub(crate) async fn note_fleet(shapes: &Shapes, present: &Present, files: &Files, now: DateTime<Utc>) {
    for (view, back) in NOTED {
        let Some(shape) = shapes.get(view) else { continue };
        let since = now.timestamp_micros() - back;
        // An earlier version kept times of the future, of collectors with a wrong clock.
        let latest = now.timestamp_micros() + MARKED_FROM_US;
        let newest: Vec<_> = present.contents(view).files.iter().filter(|file| file.extent.max_ts >= since).cloned().collect();
        if newest.is_empty() {
            continue;
        }
        let noted = async {
            let mut rows = files.since(shape, &newest, since)?;
            let mut sums = SnapshotSums::default();
            while let Some(batch) = rows.next().await {
                present.gather(view, &until(&batch?, latest)?, &mut sums);
                // Rows are sorted by server, so the rows of all servers but the last are complete.
                let last = sums.last_key_value().map(|(server, _)| server.clone());
                let open = last.map(|last| sums.split_off(&last)).unwrap_or_default();
                present.add(view, std::mem::replace(&mut sums, open));
            }
            present.add(view, sums);
            anyhow::Ok(())
        };
        if let Err(error) = noted.await {
            tracing::error!(view, error = format!("{error:#}"), "cannot read the newest rows for the fleet's tables");
        }
    }
}

/// The rows up to a time.
fn until(rows: &RecordBatch, latest: i64) -> Result<RecordBatch, ArrowError> {
    let ts = rows.column(TS_AT).as_primitive::<TimestampMicrosecondType>();
    if ts.values().iter().all(|ts| *ts <= latest) {
        return Ok(rows.clone());
    }
    let kept: BooleanArray = ts.values().iter().map(|ts| Some(*ts <= latest)).collect();
    filter_record_batch(rows, &kept)
}
