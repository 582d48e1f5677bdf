//! Decodes batches that the meta store holds.

use pganalytics_views::wire::{self, Limits};

use super::error::RowsError;
use super::shaped::shaped;
use super::times::Times;
use super::unknown::unknown_view;
use crate::model::{Hot, Shapes};

/// A stored batch's rows. `received_us` is the time of its receipt. Another replica has checked and accepted the batch; that replica may know
/// more views and columns. Rows of an unknown view are returned as they were shipped, under the view's name.
///
/// # Errors
/// If the batch is damaged.
pub(crate) fn decode_stored(id: i64, received_us: i64, body: &[u8], shapes: &Shapes) -> anyhow::Result<Vec<(String, Hot)>> {
    let batch = wire::decode(body, &Limits::default())?;
    let mut hot = Vec::new();
    for (view, rows) in &batch.frames {
        let bounded = Times::stored(received_us, rows);
        let rows = bounded.as_ref().unwrap_or(rows);
        let shaped = match shapes.collected(view) {
            Some(shape) => shaped(shape, rows).map(|(hot, _)| hot),
            None if shapes.get(view).is_none() => Ok(unknown_view(view, rows).0),
            None => Err(RowsError::Malformed { view: view.clone(), problem: "is computed by the backend".into() }),
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
