//! The last line of defence: watches the memory of the process while queries run.
//!
//! # Promise
//! If the process grows far beyond what queries may reserve, queries are ended: the newest console first, and pages only when no console is
//! left. Every operator and function is bounded by itself; this is for what those bounds miss.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::question::Purpose;

/// How often the memory is read while queries run.
const EVERY: Duration = Duration::from_millis(100);
/// How long the allocator may take to give memory back after a query was ended.
const SETTLES: Duration = Duration::from_secs(2);
/// Memory beyond what queries reserve: rows between operators, answers, what the allocator keeps, and rows that arrive meanwhile.
const BESIDE: u64 = 768 << 20;

/// The queries that run, and the memory that they may take.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    memory: u64,
    /// The memory of the process; `None` where the system does not tell.
    resident: fn() -> Option<u64>,
    begun: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The process before the first of the present queries.
    before: u64,
    next: u64,
    /// In the order in which they began.
    queries: Vec<Watched>,
    /// When a query was last ended, and the memory then.
    ended: Option<(Instant, u64)>,
}

#[derive(Debug)]
struct Watched {
    id: u64,
    purpose: Purpose,
    end: CancellationToken,
}

/// A query under watch, until dropped.
#[derive(Debug)]
pub(crate) struct Guarded {
    shared: Arc<Shared>,
    id: u64,
    /// Cancelled if the query must end.
    pub(crate) end: CancellationToken,
}

impl Watch {
    /// Watches queries that reserve `memory` bytes in all. The work runs on `keeper`.
    pub(crate) fn new(memory: usize, resident: fn() -> Option<u64>, keeper: &Handle) -> Self {
        let memory = (memory as u64).saturating_mul(2).saturating_add(BESIDE);
        let shared = Arc::new(Shared { memory, resident, begun: Notify::new(), state: Mutex::default() });
        let watching = Arc::clone(&shared);
        let task = keeper.spawn(async move {
            loop {
                watching.begun.notified().await;
                while watching.look() {
                    tokio::time::sleep(EVERY).await;
                }
            }
        });
        Self { shared, _task: AbortOnDropHandle::new(task) }
    }

    /// Begins to watch a query.
    pub(crate) fn begin(&self, purpose: Purpose) -> Guarded {
        let mut state = self.shared.lock();
        if state.queries.is_empty() {
            state.before = (self.shared.resident)().unwrap_or(0);
            state.ended = None;
        }
        let (id, end) = (state.next, CancellationToken::new());
        state.next += 1;
        state.queries.push(Watched { id, purpose, end: end.clone() });
        self.shared.begun.notify_one();
        Guarded { shared: Arc::clone(&self.shared), id, end }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the memory, and ends a query if there is too little. Returns whether queries run.
    fn look(&self) -> bool {
        let mut state = self.lock();
        if state.queries.is_empty() {
            return false;
        }
        let Some(resident) = (self.resident)() else { return true };
        if resident <= state.before.saturating_add(self.memory) {
            return true;
        }
        // What was just ended has not given its memory back yet.
        if state.ended.is_some_and(|(at, then)| at.elapsed() < SETTLES && resident <= then) {
            return true;
        }
        let running = || state.queries.iter().rev().filter(|query| !query.end.is_cancelled());
        let newest = running().find(|query| query.purpose == Purpose::Console).or_else(|| running().next());
        if let Some(query) = newest {
            query.end.cancel();
            tracing::warn!(
                process.bytes = resident,
                process.bytes_before = state.before,
                "ended a query, because the process takes far more memory than queries may"
            );
            state.ended = Some((Instant::now(), resident));
        }
        true
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.queries.retain(|query| query.id != self.id);
    }
}

/// The resident memory of this process. Only Linux tells.
pub(crate) fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok())?;
    Some(kilobytes.saturating_mul(1 << 10))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static RESIDENT: AtomicU64 = AtomicU64::new(0);

    #[tokio::test]
    async fn the_newest_console_ends_first_and_a_page_only_when_no_console_is_left() {
        RESIDENT.store(5 << 30, Ordering::Relaxed);
        let watch = Watch::new(1 << 20, || Some(RESIDENT.load(Ordering::Relaxed)), &Handle::current());
        let page = watch.begin(Purpose::Page);
        let older = watch.begin(Purpose::Console);
        let newer = watch.begin(Purpose::Console);
        let last = watch.begin(Purpose::Page);
        // A process that was large before is no reason to end a query.
        tokio::time::sleep(EVERY * 2).await;
        assert!(![&page, &older, &newer, &last].iter().any(|query| query.end.is_cancelled()));
        RESIDENT.store((5 << 30) + (2 << 20) + BESIDE + 1, Ordering::Relaxed);
        newer.end.cancelled().await;
        assert!(!older.end.is_cancelled() && !page.end.is_cancelled() && !last.end.is_cancelled());
        // Only if the process still grows, another query ends at once.
        drop(newer);
        RESIDENT.fetch_add(1, Ordering::Relaxed);
        older.end.cancelled().await;
        drop(older);
        assert!(!page.end.is_cancelled() && !last.end.is_cancelled());
        RESIDENT.fetch_add(1, Ordering::Relaxed);
        last.end.cancelled().await;
        assert!(!page.end.is_cancelled());
    }

    #[test]
    fn linux_tells_the_memory_of_the_process() {
        if cfg!(target_os = "linux") {
            assert!(resident().unwrap() > 1 << 20);
        }
    }
}
