//! What a judge tells at the end beside "nothing is missing and nothing is there twice": which faults there were, what clients saw of them, and
//! how long the lease was nobody's.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// See the module.
#[derive(Debug, Default)]
pub struct Tally {
    /// How often each kind of fault was.
    pub faults: BTreeMap<&'static str, u32>,
    /// Batches that a client had to ship.
    pub batches: u32,
    /// Requests that it made for them.
    pub tries: u32,
    /// Answers that were not 200, by status.
    pub refused: BTreeMap<u16, u32>,
    /// Requests that broke off.
    pub unanswered: u32,
    /// Batches that were not taken however often they were tried.
    pub given_up: u32,
    /// From the last renewal of a holder that died to the first of the one after, by the database's clock.
    pub takeovers: Vec<Duration>,
}

impl Tally {
    /// One more of this kind.
    pub fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Tries that came to nothing and were made again.
    #[must_use]
    pub fn retried(&self) -> u32 {
        self.tries - self.batches + self.given_up
    }
}

/// The least, the middle one and the most, in milliseconds.
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
