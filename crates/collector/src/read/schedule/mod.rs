//! When each view of one target is read.
//!
//! # Promise
//! Pure: the caller passes the time. At the start, every view is due at once. Later, all views are due at the target's phase of their
//! intervals. So the readings of many targets spread out, and the views of one target with the same interval share a connection.
//!
//! If the server's work for a view exceeds 1 % of the view's interval, the view is read less often, until the work is within that budget
//! again ([`Budget`]).

mod budget;
mod round_trip;

pub(crate) use budget::Budget;
pub(crate) use round_trip::RoundTrip;

use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics_views::View;

/// The schedule of one target.
#[derive(Debug)]
pub(crate) struct Schedule {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    view: Arc<View>,
    next: Instant,
    /// The origin of the due times, which are `origin` plus whole intervals.
    origin: Instant,
    budget: Budget,
}

impl Schedule {
    /// `phase`, from 0 to 1, is the target's position within every interval.
    #[must_use]
    pub(crate) fn new(views: impl IntoIterator<Item = Arc<View>>, now: Instant, phase: f64) -> Self {
        let phase = phase.clamp(0.0, 1.0);
        let entry =
            |view: Arc<View>| Entry { next: now, origin: now + view.interval.mul_f64(phase), budget: Budget::new(view.interval), view };
        Self { entries: views.into_iter().map(entry).collect() }
    }

    /// Returns the views that are due, and plans their next readings.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Arc<View>> {
        self.due_among(now, |_| true)
    }

    /// Returns the views that are due and that `among` accepts, and plans their next readings.
    pub(crate) fn due_among(&mut self, now: Instant, among: impl Fn(&View) -> bool) -> Vec<Arc<View>> {
        let mut due = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| entry.next <= now && among(&entry.view)) {
            due.push(Arc::clone(&entry.view));
            entry.next = next_after(entry.origin, entry.budget.interval(), now);
        }
        due
    }

    /// Makes all views due now, since the server is up again or another server answers.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.entries.iter_mut().for_each(|entry| entry.next = now);
    }

    /// When the next view is due.
    #[must_use]
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.next).min()
    }

    /// Records a reading for which the server worked `busy`. Returns the view's new interval if it changed.
    pub(crate) fn read(&mut self, view: &str, busy: Duration, now: Instant) -> Option<Duration> {
        let entry = self.entries.iter_mut().find(|entry| entry.view.name == view)?;
        let interval = entry.budget.spent(busy)?;
        entry.next = next_after(entry.origin, interval, now);
        Some(interval)
    }
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
    fn all_views_are_due_at_the_start_and_then_each_in_its_phase() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut schedule = Schedule::new([view("a", "10s"), view("b", "60s")], start, 0.5);
        assert_eq!(names(&schedule.due(start)), ["a", "b"]);
        assert_eq!(schedule.next(), Some(at(5)));
        assert_eq!(names(&schedule.due(at(5))), ["a"]);
        assert_eq!(schedule.next(), Some(at(15)));
        // After a long pause, a view is read once.
        assert_eq!(names(&schedule.due(at(47))), ["a", "b"]);
        assert_eq!(schedule.next(), Some(at(55)));
    }

    #[test]
    fn a_view_over_its_budget_is_read_less_often_until_it_is_cheap_again() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut schedule = Schedule::new([view("a", "10s"), view("b", "10s")], start, 0.0);
        let slow = Duration::from_millis(400);
        schedule.due(start);
        assert_eq!(schedule.read("a", slow, start), None);
        assert_eq!(schedule.read("a", slow, at(10)), None);
        assert_eq!(schedule.read("a", slow, at(20)), Some(Duration::from_secs(20)));
        assert_eq!(names(&schedule.due(at(20))), ["b"], "the other view keeps its schedule");
        assert_eq!(names(&schedule.due(at(39))), ["b"]);
        assert_eq!(names(&schedule.due(at(40))), ["a", "b"]);
        assert_eq!(schedule.read("a", Duration::from_millis(1), at(40)), None);
        assert_eq!(schedule.read("a", Duration::from_millis(1), at(60)), Some(Duration::from_secs(10)));
    }
}
