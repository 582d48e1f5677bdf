//! What the fleet's tables know at a start: the newest rows of files.

use chrono::{DateTime, Utc};
use futures::StreamExt as _;

use super::fleet::{NOTED, SnapshotSums};
use super::snapshot::Present;
use crate::model::Shapes;
use crate::parquet::Files;

/// Fills the fleet's tables from the newest files. What cannot be read is missing there until it comes anew, and does not keep the lake closed.
pub(crate) async fn note_fleet(shapes: &Shapes, present: &Present, files: &Files, now: DateTime<Utc>) {
    for (view, back) in NOTED {
        let Some(shape) = shapes.get(view) else { continue };
        let since = now.timestamp_micros() - back;
        let newest: Vec<_> = present.contents(view).files.iter().filter(|file| file.extent.max_ts >= since).cloned().collect();
        if newest.is_empty() {
            continue;
        }
        let noted = async {
            let mut rows = files.since(shape, &newest, since)?;
            let mut sums = SnapshotSums::default();
            while let Some(batch) = rows.next().await {
                present.gather(view, &batch?, &mut sums);
                // Rows come by server, so all but the last server's are there.
                let last = sums.last_key_value().map(|(server, _)| server.clone());
                let open = last.map(|last| sums.split_off(&last)).unwrap_or_default();
                present.add(view, std::mem::replace(&mut sums, open));
            }
            present.add(view, sums);
            anyhow::Ok(())
        };
        if let Err(error) = noted.await {
            tracing::error!(view, error = format!("{error:#}"), "read the newest rows for the fleet's tables");
        }
    }
}
