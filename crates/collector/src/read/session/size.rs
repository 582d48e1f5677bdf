//! The size of a query's answers, which decides how the next one is read.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::cell::bytes;

/// A smaller answer fits into the buffers of any connection, so that the server is done with it even if the client reads nothing.
const SMALL: usize = 16 << 10;
/// Bytes of one part of an answer. Linux gives a Unix socket 208 KiB, of which its own bookkeeping takes a part.
const PART: usize = 64 << 10;
/// Rows of the first part, while the width of a row is not known.
const FIRST: usize = 8;
/// How many times as many rows a part may have as the part before it.
const GROWTH: usize = 8;

/// The size of a query's last answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AnswerSize(Option<usize>);

impl AnswerSize {
    /// Whether the last answer was small. Before the first answer, nothing is known.
    pub(super) fn is_small(self) -> bool {
        self.0.is_some_and(|bytes| bytes <= SMALL)
    }

    pub(super) fn was(&mut self, bytes: usize) {
        self.0 = Some(bytes);
    }
}

/// How many rows the next part of an answer has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) rows: usize,
}

impl Parts {
    pub(super) fn begin() -> Self {
        Self { rows: FIRST }
    }

    /// Chooses the next part by the width of the rows of the last one.
    pub(super) fn next(&mut self, bytes: usize) {
        let width = bytes.div_ceil(self.rows).max(1);
        self.rows = (PART / width).clamp(1, self.rows.saturating_mul(GROWTH));
    }
}

/// The bytes of a row's cells.
pub(super) fn width(row: &PgRow) -> usize {
    (0..row.len()).filter_map(|column| bytes(row, column)).map(<[u8]>::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_up_to_their_bytes_and_shrink_for_wide_rows() {
        let mut parts = Parts::begin();
        let mut rows = Vec::new();
        for width in [100, 100, 100, 100, 32 << 10, 100, 1 << 20, 1 << 20] {
            rows.push(parts.rows);
            parts.next(parts.rows * width);
        }
        assert_eq!(rows, [8, 64, 512, 655, 655, 2, 16, 1]);
        assert_eq!(parts.rows, 1);
    }

    #[test]
    fn an_answer_is_small_only_if_the_last_one_was() {
        let mut size = AnswerSize::default();
        assert!(!size.is_small());
        size.was(0);
        assert!(size.is_small());
        size.was(SMALL + 1);
        assert!(!size.is_small());
    }
}
