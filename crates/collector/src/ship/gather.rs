//! Holds rows in memory until they are closed into batches.
//!
//! # Promise
//! The memory is bounded, also while the spool's disk does not answer: the oldest rows are dropped and counted, and the next batch's header
//! carries their number.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use tokio::sync::Notify;

use super::batch::Frames;
use crate::registry::Int;

/// Bytes in memory after which a batch is closed early. A busy fleet reads as much in a few seconds.
const FULL: usize = 16 << 20;
/// Bytes of rows in one batch, far below the wire's limit. The collector encodes this much at a time.
const BATCH: usize = 16 << 20;
/// The maximum bytes of rows in memory. Rows pass [`FULL`] only while the spool takes no batch.
pub(super) const CAP: usize = 64 << 20;

/// Rows that are in no batch yet.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    inner: Mutex<Gathered>,
    full: Notify,
    /// The metric of dropped rows, which also rises while the spool does not answer.
    dropped_rows: Int,
}

#[derive(Debug, Default)]
struct Gathered {
    /// The rows of one view, and their bytes. The oldest come first.
    parts: VecDeque<(String, RecordBatch, usize)>,
    bytes: usize,
    /// Dropped rows that the spool does not know of yet.
    dropped_rows: u64,
}

/// The rows that were gathered, divided into batches, and the number of rows that were dropped before.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) batches: Vec<Frames>,
    pub(crate) dropped_rows: u64,
}

impl Gather {
    /// Counts dropped rows in this metric.
    #[must_use]
    pub(crate) fn counting(dropped_rows: Int) -> Arc<Self> {
        Arc::new(Self { dropped_rows, ..Self::default() })
    }

    /// Adds rows of a view.
    pub(crate) fn add(&self, view: &str, rows: RecordBatch) {
        if rows.num_rows() == 0 {
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = rows.get_array_memory_size();
        inner.bytes += bytes;
        inner.parts.push_back((view.into(), rows, bytes));
        while inner.bytes > CAP && inner.parts.len() > 1 {
            let Some((_, rows, bytes)) = inner.parts.pop_front() else { break };
            inner.bytes -= bytes;
            self.count_dropped(&mut inner, rows.num_rows());
        }
        if inner.bytes > FULL {
            self.full.notify_one();
        }
    }

    /// Waits until a batch should be closed early.
    pub(crate) async fn full(&self) {
        self.full.notified().await;
    }

    /// Dropped rows that the spool does not know of yet.
    pub(crate) fn dropped_rows(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).dropped_rows
    }

    /// Whether rows wait to be taken.
    #[cfg(test)]
    pub(super) fn take_is_pending(&self) -> bool {
        !self.inner.lock().unwrap_or_else(PoisonError::into_inner).parts.is_empty()
    }

    fn count_dropped(&self, inner: &mut Gathered, rows: usize) {
        inner.dropped_rows += rows as u64;
        self.dropped_rows.inc_by(i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// Takes all gathered rows, divided into batches.
    #[must_use]
    pub(crate) fn take(&self) -> Taken {
        let gathered = std::mem::take(&mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner));
        let mut views: BTreeMap<String, Vec<RecordBatch>> = BTreeMap::new();
        let (mut given, mut kept) = (0, 0);
        for (view, rows, _) in gathered.parts {
            given += rows.num_rows();
            views.entry(view).or_default().push(rows);
        }
        let mut batches = Vec::new();
        let (mut frames, mut bytes) = (Frames::new(), 0);
        for (view, rows) in views {
            for rows in concat(&view, &rows) {
                kept += rows.num_rows();
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
        Taken { batches, dropped_rows: gathered.dropped_rows + (given - kept) as u64 }
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
        let gather = Arc::<Gather>::default();
        gather.add("b", texts(2));
        gather.add("a", texts(1));
        gather.add("b", texts(3));
        let taken = gather.take();
        let shape: Vec<_> = taken.batches.iter().flatten().map(|(view, rows)| (view.as_str(), rows.num_rows())).collect();
        assert_eq!(shape, [("a", 1), ("b", 5)]);
        let nothing = gather.take();
        assert!(nothing.batches.is_empty() && nothing.dropped_rows == 0);
    }

    #[test]
    fn beyond_the_cap_the_oldest_rows_are_dropped_and_counted() {
        let metric = Int::default();
        let gather = Gather::counting(metric.clone());
        let rows = texts(10_000);
        let fit = CAP / rows.get_array_memory_size();
        gather.add("first", texts(3));
        for _ in 0..=fit {
            gather.add("later", rows.clone());
        }
        assert!(gather.inner.lock().expect("unpoisoned").bytes <= CAP);
        let dropped = gather.dropped_rows();
        assert!(dropped >= 3 && (dropped - 3).is_multiple_of(10_000), "{dropped}");
        assert_eq!(u64::try_from(metric.get()), Ok(dropped));
        let taken = gather.take();
        let kept: usize = taken.batches.iter().flatten().map(|(_, rows)| rows.num_rows()).sum();
        assert_eq!(kept as u64 + taken.dropped_rows, 3 + 10_000 * (fit as u64 + 1));
        assert!(taken.batches.iter().flatten().all(|(view, _)| view == "later"), "the oldest went first");
        assert_eq!((taken.dropped_rows, gather.dropped_rows()), (dropped, 0));
    }

    #[test]
    fn rows_of_another_shape_are_dropped_and_counted() {
        let gather = Arc::<Gather>::default();
        gather.add("a", texts(2));
        gather.add("a", texts(3).project(&[1, 0]).expect("columns"));
        assert_eq!(gather.take().dropped_rows, 5);
    }
}
