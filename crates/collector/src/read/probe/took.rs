//! How long a reading took, and how much of that the server worked.

use std::time::Duration;

/// The SQL of the milliseconds since the server received the query. The expression is computed for each row, when the server makes the row.
pub(super) const MADE_AFTER: &str = "(pg_catalog.date_part('epoch', \
     pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp()) * 1000)::pg_catalog.int4";

/// The time of one reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Took {
    pub(crate) whole: Duration,
    /// How long the server took to make the rows, by its own clock. Sending them to the client is not included, unless the answer is larger than
    /// the buffers of the connection. `None` without rows.
    pub(crate) made: Option<Duration>,
}

impl From<Duration> for Took {
    fn from(whole: Duration) -> Self {
        Self { whole, made: None }
    }
}

/// Sums the server's time from [`MADE_AFTER`] of each row.
#[derive(Debug, Default)]
pub(super) struct Made {
    before: u64,
    last: Option<u64>,
}

impl Made {
    /// Takes the value of the next row. An answer that is fetched in parts counts from zero with each part.
    pub(super) fn row(&mut self, ms: u64) {
        if let Some(last) = self.last.replace(ms)
            && ms < last
        {
            self.before += last;
        }
    }

    pub(super) fn total(&self) -> Option<Duration> {
        self.last.map(|last| Duration::from_millis(self.before + last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(rows: &[u64]) -> Option<Duration> {
        let mut made = Made::default();
        rows.iter().for_each(|ms| made.row(*ms));
        made.total()
    }

    #[test]
    fn the_last_row_tells_the_servers_time_and_parts_are_summed() {
        assert_eq!(made(&[]), None);
        assert_eq!(made(&[0]), Some(Duration::ZERO));
        assert_eq!(made(&[3, 3, 40]), Some(Duration::from_millis(40)));
        assert_eq!(made(&[3, 40, 1, 20, 2, 5]), Some(Duration::from_millis(65)));
    }
}
