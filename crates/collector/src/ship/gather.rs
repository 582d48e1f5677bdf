//! Holds rows in memory until they are closed into batches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use tokio::sync::Notify;

use super::batch::Frames;

/// Bytes in memory after which a batch is closed early. A busy fleet reads as much in a few seconds.
const FULL: usize = 16 << 20;
/// Bytes of rows in one batch, far below the wire's limit. The collector encodes this much at a time.
const BATCH: usize = 16 << 20;

/// Rows that are in no batch yet.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    inner: Mutex<Gathered>,
    full: Notify,
}

#[derive(Debug, Default)]
struct Gathered {
    views: BTreeMap<String, Vec<RecordBatch>>,
    bytes: usize,
}

impl Gather {
    #[must_use]
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Adds rows of a view.
    pub(crate) fn add(&self, view: &str, rows: RecordBatch) {
        if rows.num_rows() == 0 {
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.bytes += rows.get_array_memory_size();
        match inner.views.get_mut(view) {
            Some(batches) => batches.push(rows),
            None => drop(inner.views.insert(view.into(), vec![rows])),
        }
        if inner.bytes > FULL {
            self.full.notify_one();
        }
    }

    /// Waits until a batch should be closed early.
    pub(crate) async fn full(&self) {
        self.full.notified().await;
    }

    /// Takes all gathered rows, divided into batches.
    #[must_use]
    pub(crate) fn take(&self) -> Vec<Frames> {
        let gathered = std::mem::take(&mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner));
        let mut batches = Vec::new();
        let (mut frames, mut bytes) = (Frames::new(), 0);
        for (view, rows) in gathered.views {
            for rows in concat(&view, &rows) {
                let size = rows.get_array_memory_size();
                if bytes + size > BATCH && !frames.is_empty() {
                    batches.push(std::mem::take(&mut frames));
                    bytes = 0;
                }
                bytes += size;
                frames.push((view.clone(), rows));
            }
        }
        if !frames.is_empty() {
            batches.push(frames);
        }
        batches
    }
}

/// Joins the rows of a view into one record batch, or into several if there are many rows.
fn concat(view: &str, rows: &[RecordBatch]) -> Vec<RecordBatch> {
    let (mut done, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (i, part) in rows.iter().enumerate() {
        let size = part.get_array_memory_size();
        if bytes + size > BATCH && i > begin {
            done.extend(join(view, &rows[begin..i]));
            (begin, bytes) = (i, 0);
        }
        bytes += size;
    }
    done.extend(join(view, &rows[begin..]));
    done
}

fn join(view: &str, rows: &[RecordBatch]) -> Option<RecordBatch> {
    match rows {
        [] => None,
        [one] => Some(one.clone()),
        many => arrow_select::concat::concat_batches(many[0].schema_ref(), many)
            .inspect_err(|error| tracing::error!(view, %error, "rows of one view have different columns and were dropped"))
            .ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ship::batch::tests::texts;

    #[test]
    fn rows_of_one_view_are_joined() {
        let gather = Gather::new();
        gather.add("b", texts(2));
        gather.add("a", texts(1));
        gather.add("b", texts(3));
        let batches = gather.take();
        let shape: Vec<_> = batches.iter().flatten().map(|(view, rows)| (view.as_str(), rows.num_rows())).collect();
        assert_eq!(shape, [("a", 1), ("b", 5)]);
        assert!(gather.take().is_empty());
    }
}
