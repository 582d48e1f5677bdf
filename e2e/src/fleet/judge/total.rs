//! Sums that agree only if the rows agree, as far as sums can tell.

use crate::fleet::rows::{Row, Sum};

/// Sums over the rows of one server and view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) sum: Sum,
    /// The sum of mark times time, each modulo a prime: a row at another time changes it.
    pub(super) weighted: i64,
}

impl Total {
    pub(super) fn add(&mut self, row: &Row) {
        self.sum.rows += 1;
        self.sum.mark += row.mark;
        self.weighted += weight(row.mark, row.ts);
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { sum: self.sum.and(other.sum), weighted: self.weighted + other.weighted }
    }
}

/// Small enough that the sum over a billion rows fits.
pub(super) const PRIME: i64 = 999_983;
pub(super) const TS_PRIME: i64 = 9_973;

fn weight(mark: i64, ts: i64) -> i64 {
    (mark % PRIME) * (ts % TS_PRIME)
}

#[cfg(test)]
mod tests {
    use super::Total;
    use crate::fleet::rows::Row;

    #[test]
    fn a_row_at_another_time_and_two_rows_with_exchanged_marks_change_the_sums() {
        let total = |rows: &[(i64, i64)]| {
            let mut total = Total::default();
            rows.iter().for_each(|(ts, mark)| total.add(&Row { ts: *ts, number: 0, mark: *mark }));
            total
        };
        let good = total(&[(1_000, 5), (2_000, 9)]);
        assert_ne!(good, total(&[(1_000, 9), (2_000, 5)]));
        assert_ne!(good, total(&[(1_001, 5), (2_000, 9)]));
        assert_ne!(good, total(&[(1_000, 5)]));
    }
}
