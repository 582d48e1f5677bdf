//! The figures of a fault test: how many faults of each kind there were, which errors clients saw, and how long the lease had no holder.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The figures; see the module. `Display` prints them.
#[derive(Debug, Default)]
pub struct Tally {
    /// The number of faults of each kind.
    pub faults: BTreeMap<&'static str, u32>,
    /// Batches that clients shipped.
    pub batches: u32,
    /// Requests that clients made for these batches.
    pub tries: u32,
    /// Answers other than 200, by status.
    pub refused: BTreeMap<u16, u32>,
    /// Requests without an answer.
    pub unanswered: u32,
    /// Batches that were never acknowledged.
    pub given_up: u32,
    /// From a dead holder's last renewal to the next holder's first, by the database's clock.
    pub takeovers: Vec<Duration>,
}

impl Tally {
    /// Counts a fault.
    pub fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Requests that failed and were made again.
    #[must_use]
    pub fn retried(&self) -> u32 {
        self.tries - self.batches + self.given_up
    }
}

/// Count, minimum, median and maximum, in milliseconds.
#[must_use]
pub fn spread(durations: &[Duration]) -> String {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    match (sorted.first(), sorted.get(sorted.len() / 2), sorted.last()) {
        (Some(least), Some(middle), Some(most)) => {
            format!("{} of them, min {} ms, median {} ms, max {} ms", sorted.len(), least.as_millis(), middle.as_millis(), most.as_millis())
        }
        _ => "none".to_owned(),
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, times) in &self.faults {
            writeln!(f, "{times:>6} × {kind}")?;
        }
        let refused: u32 = self.refused.values().sum();
        let by_status: Vec<String> = self.refused.iter().map(|(status, times)| format!("{status}: {times}")).collect();
        writeln!(f, "{:>6} batches, {} tries: {refused} refused ({})", self.batches, self.tries, by_status.join(", "))?;
        writeln!(f, "        {} without an answer, {} tried again, {} given up", self.unanswered, self.retried(), self.given_up)?;
        write!(f, "        takeovers of the lease: {}", spread(&self.takeovers))
    }
}
