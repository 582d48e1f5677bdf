//! A report: a table of figures, and an error with the missed goals.

use std::fmt::Display;

use anyhow::{Result, ensure};

/// A report that is being printed.
pub(crate) struct Report {
    missed: Vec<String>,
}

impl Report {
    /// Prints the title and the table's head.
    pub(crate) fn begin(title: &str) -> Self {
        println!("\n### {title}\n\n| figure | value | goal | |\n|---|---:|---:|---|");
        Self { missed: Vec::new() }
    }

    /// A figure without a goal.
    #[expect(clippy::unused_self, reason = "a line belongs to a table that has begun")]
    pub(crate) fn line(&self, figure: &str, value: impl Display) {
        println!("| {figure} | {value} | – | |");
    }

    /// A figure with a goal, and whether the figure reaches it.
    pub(crate) fn goal(&mut self, figure: &str, value: impl Display, goal: &str, reached: bool) {
        println!("| {figure} | {value} | {goal} | {} |", if reached { "reached" } else { "**missed**" });
        if !reached {
            self.missed.push(format!("{figure}: {value}, not {goal}"));
        }
    }

    /// Ends the report.
    ///
    /// # Errors
    /// The missed goals.
    pub(crate) fn end(self) -> Result<()> {
        ensure!(self.missed.is_empty(), "missed: {}", self.missed.join("; "));
        Ok(())
    }
}

const MIB: f64 = 1_048_576.0;
/// The memory that a backend of a thousand servers may take.
pub(crate) const MEMORY: f64 = 512.0 * MIB;

pub(crate) fn mib(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / MIB)
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn a_report_fails_if_a_goal_is_missed() {
        let mut report = Report::begin("a test");
        report.line("rows", 7);
        report.goal("memory", "5 MiB", "≤ 6 MiB", true);
        assert!(report.end().is_ok());
        let mut report = Report::begin("a test");
        report.goal("memory", "7 MiB", "≤ 6 MiB", false);
        report.goal("CPU", "1 %", "< 60 %", true);
        assert_eq!(report.end().map_err(|error| error.to_string()), Err("missed: memory: 7 MiB, not ≤ 6 MiB".to_owned()));
    }
}
