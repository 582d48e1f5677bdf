//! When each view of one target is read.
//!
//! # Promise
//! Pure: the caller brings the time. Every view is due at once at the start; then its phase within its interval is the target's own,
//! so that many targets spread out while one target's views of one interval stay together (they share a connection).
//!
//! A view that takes the server more than 1 % of its interval is read less often, until it is within that budget again, but at
//! least every [`MAX_STRETCH`] intervals.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;

/// The interval is at least so many times what a reading takes: a server spends at most 1 % of one core on a view.
const BUDGET: u32 = 100;
/// A view is stretched so far and no farther: a table that is hourly at worst still tells something.
const MAX_STRETCH: u32 = 60;

/// The views of one target.
#[derive(Debug)]
pub(crate) struct Schedule {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    view: Arc<View>,
    next: Instant,
    /// Where the grid of the phase is; due times are this plus whole intervals.
    origin: Instant,
    interval: Duration,
}

impl Schedule {
    /// `phase` from 0 to 1 is the target's own place within every interval.
    #[must_use]
    pub(crate) fn new(views: impl IntoIterator<Item = Arc<View>>, now: Instant, phase: f64) -> Self {
        let phase = phase.clamp(0.0, 1.0);
        let entry = |view: Arc<View>| Entry { next: now, origin: now + view.interval.mul_f64(phase), interval: view.interval, view };
        Self { entries: views.into_iter().map(entry).collect() }
    }

    /// The views that are due, which are planned anew.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Arc<View>> {
        let mut due = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| entry.next <= now) {
            due.push(Arc::clone(&entry.view));
            entry.next = next_after(entry.origin, entry.interval, now);
        }
        due
    }

    /// Everything is due now: the server is back, or another one.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.entries.iter_mut().for_each(|entry| entry.next = now);
    }

    /// When the next view is due.
    #[must_use]
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.next).min()
    }

    /// A view was read, which took the server `busy`. Returns the interval it now has where that changed.
    pub(crate) fn read(&mut self, view: &str, busy: Duration, now: Instant) -> Option<Duration> {
        let entry = self.entries.iter_mut().find(|entry| entry.view.name == view)?;
        let interval = stretched(entry.view.interval, busy);
        // Small swings are not worth a new plan each time.
        let swing = interval.abs_diff(entry.interval);
        if swing == Duration::ZERO || (swing < entry.interval / 4 && interval > entry.view.interval) {
            return None;
        }
        entry.interval = interval;
        entry.next = next_after(entry.origin, interval, now);
        Some(interval)
    }
}

/// The interval within budget.
#[must_use]
pub(crate) fn stretched(interval: Duration, busy: Duration) -> Duration {
    busy.saturating_mul(BUDGET).clamp(interval, interval * MAX_STRETCH)
}

fn next_after(origin: Instant, interval: Duration, now: Instant) -> Instant {
    if origin > now {
        return origin;
    }
    let passed = (now - origin).as_nanos() / interval.as_nanos().max(1);
    origin + interval.saturating_mul(u32::try_from(passed + 1).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, interval: &str) -> Arc<View> {
        let text = format!(
            "name='{name}'\nsummary='s'\nscope='server'\nsource='probe'\ninterval='{interval}'\n\
             [[columns]]\nname='a'\nkind='gauge'\ntype='int8'\nhelp='h'"
        );
        Arc::new(pganalytics_views::parse(&format!("{name}.toml"), &text).expect("a view"))
    }

    fn names(views: &[Arc<View>]) -> Vec<&str> {
        views.iter().map(|view| view.name.as_str()).collect()
    }

    #[test]
    fn everything_is_due_at_once_then_each_in_its_phase() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut schedule = Schedule::new([view("a", "10s"), view("b", "60s")], start, 0.5);
        assert_eq!(names(&schedule.due(start)), ["a", "b"]);
        assert_eq!(schedule.next(), Some(at(5)));
        assert_eq!(names(&schedule.due(at(5))), ["a"]);
        assert_eq!(schedule.next(), Some(at(15)));
        // A long pause is one reading, not many.
        assert_eq!(names(&schedule.due(at(47))), ["a", "b"]);
        assert_eq!(schedule.next(), Some(at(55)));
    }

    #[test]
    fn a_view_over_its_budget_is_read_less_often_and_comes_back() {
        let start = Instant::now();
        let mut schedule = Schedule::new([view("a", "10s")], start, 0.0);
        schedule.due(start);
        assert_eq!(schedule.read("a", Duration::from_millis(50), start), None);
        assert_eq!(schedule.read("a", Duration::from_millis(400), start), Some(Duration::from_secs(40)));
        assert_eq!(schedule.next(), Some(start + Duration::from_secs(40)));
        assert_eq!(schedule.read("a", Duration::from_millis(401), start), None);
        assert_eq!(schedule.read("a", Duration::from_secs(60), start), Some(Duration::from_secs(600)));
        assert_eq!(schedule.read("a", Duration::from_millis(1), start), Some(Duration::from_secs(10)));
    }
}
