//! The verdict: counts of wrong rows, the first of them one by one, and the latencies. `Display` prints it as Markdown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Differences of each kind that are listed; further ones are only counted.
const LISTED: usize = 20;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    Missing,
    Doubled,
    Altered,
    /// No collector has shipped the row.
    Foreign,
    /// A part of a batch that was never acknowledged is there.
    Torn,
}

/// A row that differs from what was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub wrong: Wrong,
    pub view: String,
    pub server: String,
    pub ts: i64,
    pub labels: Vec<Option<String>>,
    /// The right mark, and the marks that were found.
    pub expected: Option<i64>,
    pub found: Vec<i64>,
    /// The batch of the row.
    pub batch: Option<u64>,
}

/// The median, the 99th percentile and the maximum of durations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl Spread {
    #[must_use]
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at =
            |part: usize| durations.get((durations.len() * part / 100).min(durations.len().saturating_sub(1))).copied().unwrap_or_default();
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

/// The verdict.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub batches: u64,
    pub rows: u64,
    /// Rows of the fleet that the backend has.
    pub found: u64,
    pub missing: u64,
    pub doubled: u64,
    pub altered: u64,
    pub foreign: u64,
    /// Batches of which a part is there.
    pub torn: u64,
    /// Batches in flight at the end that the backend had committed.
    pub unacknowledged: u64,
    /// Batches acknowledged as duplicates.
    pub duplicates: u64,
    /// Batches that were refused: errors after retries.
    pub refused: u64,
    /// Failed requests by kind: errors before retries.
    pub failures: BTreeMap<String, u64>,
    /// From request to acknowledgement.
    pub acknowledgement: Spread,
    /// From the first request to the acknowledgement, over all retries.
    pub wait: Spread,
    /// The first differences of each kind.
    pub differences: Vec<Difference>,
}

impl Verdict {
    /// Whether no row is missing, doubled, altered, torn or foreign, and no batch was refused.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing + self.doubled + self.altered + self.foreign + self.torn + self.refused == 0
    }

    pub(super) fn add(&mut self, difference: Difference) {
        match difference.wrong {
            Wrong::Missing => self.missing += 1,
            Wrong::Doubled => self.doubled += difference.found.len() as u64 - 1,
            Wrong::Altered => self.altered += 1,
            Wrong::Foreign => self.foreign += difference.found.len() as u64,
            Wrong::Torn => {}
        }
        if self.differences.iter().filter(|listed| listed.wrong == difference.wrong).count() < LISTED {
            self.differences.push(difference);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let verdict = if self.is_clean() { "CLEAN: no acknowledged row is missing, no row is there twice" } else { "NOT CLEAN" };
        writeln!(f, "{verdict}\n\n| | |\n|---|---:|")?;
        let failed: u64 = self.failures.values().sum();
        for (what, count) in [
            ("batches acknowledged", self.batches),
            ("rows acknowledged", self.rows),
            ("rows found", self.found),
            ("rows missing", self.missing),
            ("rows doubled", self.doubled),
            ("rows altered", self.altered),
            ("rows foreign", self.foreign),
            ("batches torn", self.torn),
            ("batches committed without an acknowledgement at the end", self.unacknowledged),
            ("replays acknowledged as duplicates", self.duplicates),
            ("errors before retries", failed),
            ("errors after retries (batches refused)", self.refused),
        ] {
            writeln!(f, "| {what} | {count} |")?;
        }
        for (what, spread) in [("acknowledgement", self.acknowledgement), ("acknowledgement over all retries", self.wait)] {
            writeln!(f, "| {what} p50 / p99 / max | {:.1} / {:.1} / {:.1} ms |", ms(spread.p50), ms(spread.p99), ms(spread.max))?;
        }
        for (kind, count) in &self.failures {
            writeln!(f, "| … {kind} | {count} |")?;
        }
        for difference in &self.differences {
            writeln!(
                f,
                "{:?} {} server={} ts={} labels={:?} expected={:?} found={:?} batch={:?}",
                difference.wrong,
                difference.view,
                difference.server,
                difference.ts,
                difference.labels,
                difference.expected,
                difference.found,
                difference.batch
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Spread, Verdict};

    #[test]
    fn a_spread_is_the_median_the_99th_percentile_and_the_maximum() {
        let spread = Spread::of((1..=200).map(Duration::from_millis).collect());
        assert_eq!([spread.p50, spread.p99, spread.max].map(|of| of.as_millis()), [101, 199, 200]);
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn any_single_defect_makes_a_verdict_unclean() {
        let defects: [fn(&mut Verdict); 6] = [
            |verdict| verdict.missing = 1,
            |verdict| verdict.doubled = 1,
            |verdict| verdict.altered = 1,
            |verdict| verdict.foreign = 1,
            |verdict| verdict.torn = 1,
            |verdict| verdict.refused = 1,
        ];
        for defect in defects {
            let mut verdict = Verdict::default();
            assert!(verdict.is_clean());
            defect(&mut verdict);
            assert!(!verdict.is_clean() && verdict.to_string().starts_with("NOT CLEAN"));
        }
    }
}
