//! The report of all checks.

use std::fmt;

/// The severity of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Fine,
    /// A part is not collected.
    Missing,
    /// Nothing is collected.
    Broken,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    /// The subject: a target, `backend` or `spool`.
    pub subject: String,
    pub what: String,
    /// The remedy.
    pub remedy: Option<String>,
}

/// The results of all checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub findings: Vec<Finding>,
}

impl Report {
    /// The highest severity.
    #[must_use]
    pub fn level(&self) -> Level {
        self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Fine)
    }

    pub(super) fn add(&mut self, level: Level, subject: &str, what: impl Into<String>, remedy: Option<String>) {
        self.findings.push(Finding { level, subject: subject.into(), what: what.into(), remedy });
    }

    pub(super) fn fine(&mut self, subject: &str, what: impl Into<String>) {
        self.add(Level::Fine, subject, what, None);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut subject = None;
        for finding in &self.findings {
            if subject != Some(&finding.subject) {
                writeln!(f, "{}", finding.subject)?;
                subject = Some(&finding.subject);
            }
            let mark = match finding.level {
                Level::Fine => "ok     ",
                Level::Missing => "missing",
                Level::Broken => "broken ",
            };
            writeln!(f, "  {mark} {}", finding.what)?;
            if let Some(remedy) = &finding.remedy {
                for line in remedy.lines() {
                    writeln!(f, "          {line}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_shows_each_subject_once_and_remedies_below() {
        let mut report = Report::default();
        report.fine("backend", "answers");
        report.add(Level::Missing, "db-1", "no", Some("GRANT pg_monitor TO \"a b\";".into()));
        report.fine("db-1", "yes");
        assert_eq!(report.level(), Level::Missing);
        assert_eq!(
            report.to_string(),
            "backend\n  ok      answers\ndb-1\n  missing no\n          GRANT pg_monitor TO \"a b\";\n  ok      yes\n"
        );
    }
}
