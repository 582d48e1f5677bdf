//! Decodes batches that the meta store holds.

use pganalytics_views::wire::{self, Limits};

use super::error::RowsError;
use super::shaped::shaped;
use crate::model::{Hot, Shapes};

/// A stored batch's rows. One of a view that is no longer known loses that view's rows, and the log says so.
///
/// # Errors
/// When the batch is damaged.
pub(crate) fn decode_known(id: i64, body: &[u8], shapes: &Shapes) -> anyhow::Result<Vec<(String, Hot)>> {
    let batch = wire::decode(body, &Limits::default())?;
    let mut hot = Vec::new();
    for (view, rows) in &batch.frames {
        let shaped = match shapes.collected(view) {
            Some(shape) => shaped(shape, rows),
            None => Err(RowsError::UnknownView { view: view.clone(), collector: batch.header.collector_name.clone() }),
        };
        match shaped {
            Ok(rows) => hot.push((view.clone(), Hot { batch: id, ..rows })),
            Err(error) => {
                tracing::warn!(batch.id = id, batch.rows = rows.num_rows(), error = %error, "rows of a stored batch were skipped")
            }
        }
    }
    Ok(hot)
}
