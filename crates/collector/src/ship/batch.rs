//! Encodes rows as batches.
//!
//! # Promise
//! Each batch is within the wire's limits: rows are split over as many batches as needed. A row that is too large for any batch is
//! dropped and counted.

use arrow_array::RecordBatch;
use bytes::Bytes;
use pganalytics_views::wire::{self, Header, Limits, WireError};

/// Rows by view.
pub(crate) type Frames = Vec<(String, RecordBatch)>;

/// The result of encoding frames.
#[derive(Debug)]
pub(crate) enum Encoded {
    Batch(Bytes),
    /// The frames are too large for one batch. The caller encodes the two halves separately.
    Halves(Vec<Frames>),
    /// The frames cannot be shipped.
    Dropped {
        rows: u64,
        reason: String,
    },
}

/// Encodes frames as a batch with this header.
#[must_use]
pub(crate) fn encode(header: Header, frames: Frames, limits: &Limits) -> Encoded {
    match wire::encode(header, &frames, limits) {
        Ok(bytes) => Encoded::Batch(bytes.into()),
        Err(WireError::TooLarge { .. }) if rows(&frames) > 1 => Encoded::Halves(halves(frames)),
        Err(error) => Encoded::Dropped { rows: rows(&frames), reason: error.to_string() },
    }
}

fn rows(frames: &Frames) -> u64 {
    frames.iter().map(|(_, rows)| rows.num_rows() as u64).sum()
}

fn halves(mut frames: Frames) -> Vec<Frames> {
    if frames.len() > 1 {
        let second = frames.split_off(frames.len() / 2);
        return vec![frames, second];
    }
    frames
        .into_iter()
        .flat_map(|(view, rows)| {
            let half = rows.num_rows() / 2;
            [vec![(view.clone(), rows.slice(0, half))], vec![(view, rows.slice(half, rows.num_rows() - half))]]
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow_array::{StringArray, TimestampMicrosecondArray};
    use arrow_schema::{DataType, Field, Schema, TimeUnit};
    use uuid::Uuid;

    pub(in crate::ship) fn texts(rows: usize) -> RecordBatch {
        let ts = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Schema::new(vec![Field::new("ts", ts, false), Field::new("text", DataType::Utf8, true)]);
        // All texts differ, so that compression does not reduce the size.
        let texts =
            (0..rows).map(|i| Some(Uuid::from_u128((i as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_string()));
        let columns: Vec<arrow_array::ArrayRef> =
            vec![Arc::new(TimestampMicrosecondArray::from(vec![1; rows]).with_timezone("UTC")), Arc::new(StringArray::from_iter(texts))];
        RecordBatch::try_new(Arc::new(schema), columns).expect("the batch has the columns of its schema")
    }

    fn header() -> Header {
        Header {
            collector: Uuid::nil(),
            collector_name: "c".into(),
            sequence: 1,
            created_us: 1,
            version: "0".into(),
            dropped_rows: 0,
            status: None,
            frames: Vec::new(),
        }
    }

    #[test]
    fn rows_over_the_limit_are_halved_until_they_fit_and_none_is_lost() {
        let limits = Limits { encoded: 8_000, ..Limits::default() };
        let mut todo = vec![vec![("a".to_owned(), texts(500)), ("b".to_owned(), texts(700))]];
        let (mut shipped, mut batches) = (0, 0);
        while let Some(frames) = todo.pop() {
            match encode(header(), frames, &limits) {
                Encoded::Batch(bytes) => {
                    batches += 1;
                    shipped += wire::decode_header(&bytes, &limits).expect("a batch").frames.iter().map(|f| f.rows).sum::<u64>();
                }
                Encoded::Halves(halves) => todo.extend(halves),
                Encoded::Dropped { rows, reason } => panic!("{rows} rows dropped: {reason}"),
            }
        }
        assert_eq!(shipped, 1_200);
        assert!(batches > 2);
    }

    #[test]
    fn a_row_too_large_for_a_batch_is_dropped_and_counted() {
        let limits = Limits { encoded: 10, ..Limits::default() };
        let outcome = encode(header(), vec![("a".to_owned(), texts(1))], &limits);
        assert!(matches!(outcome, Encoded::Dropped { rows: 1, .. }));
    }
}
