//! Threads for queries. Each running query has threads of its own, a lane, which are reused when it has ended.
//!
//! # Promise
//! A query that cannot be stopped holds its own lane only. After [`GRACE`] the lane is given up: the query's turn goes to another query,
//! which gets another lane. Lanes that were given up are counted until their threads come to rest. There are at most as many of them as the
//! engine allows.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Handle;

use super::stop::Stop;
use super::turns::Turn;
use crate::threads::Threads;

/// How long a query may take to stop after it was told to. One batch of rows takes less.
const GRACE: Duration = Duration::from_secs(1);
/// Looks at a lane whose query has ended, before the first pause. Most threads come to rest within microseconds.
const QUICK_LOOKS: usize = 100;
/// The pauses between further looks, from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// The stack of a query thread, enough for the deepest nesting that [`super::guard::MAX_TOKENS`] allows. Unused pages cost nothing.
const STACK: usize = 64 << 20;

/// The lanes of one purpose.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Whether these threads stand behind those of other work.
    behind: bool,
    idle: Mutex<Vec<Threads>>,
    /// The number of lanes that were given up, since start.
    pub(crate) given_up: AtomicU64,
    /// Those whose threads still run.
    pub(crate) stuck: AtomicUsize,
}

/// A lane with its query. When dropped, the query must stop.
pub(crate) struct Running {
    lanes: Arc<Lanes>,
    /// `None` only while it is dropped.
    held: Option<(Threads, Turn)>,
    stop: Stop,
    keeper: Handle,
}

impl Lanes {
    pub(crate) fn new(behind: bool) -> Self {
        Self { behind, idle: Mutex::new(Vec::new()), given_up: AtomicU64::new(0), stuck: AtomicUsize::new(0) }
    }

    /// Takes a lane for the query that `turn` is for. `keeper` brings the lane back.
    ///
    /// # Errors
    /// If threads cannot be started.
    pub(crate) fn enter(self: &Arc<Self>, turn: Turn, stop: Stop, keeper: Handle) -> anyhow::Result<Running> {
        let idle = self.idle().pop();
        let threads = match idle {
            Some(threads) => threads,
            None => Threads::of_query(STACK, self.behind).context("for a query")?,
        };
        Ok(Running { lanes: Arc::clone(self), held: Some((threads, turn)), stop, keeper })
    }

    /// Takes a lane back when its threads are at rest. Gives it up if they are not in time.
    async fn settle(self: Arc<Self>, threads: Threads, mut turn: Turn) {
        for _ in 0..QUICK_LOOKS {
            if threads.is_at_rest() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let (ended, mut pause, mut given_up) = (Instant::now(), FIRST_PAUSE, false);
        while !threads.is_at_rest() {
            if !given_up && ended.elapsed() >= GRACE {
                given_up = true;
                self.given_up.fetch_add(1, Ordering::Relaxed);
                let stuck = self.stuck.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::warn!(queries.stuck = stuck, "a query did not stop in time; its threads run on, and other queries get new ones");
                turn.give_up();
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if given_up {
            self.stuck.fetch_sub(1, Ordering::Relaxed);
            tracing::info!(query.seconds = ended.elapsed().as_secs(), "a query that did not stop in time has ended");
        } else {
            self.idle().push(threads);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Threads>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// The handle to spawn the query on the lane.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        self.held.as_ref().map(|(threads, _)| threads.handle())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.order();
        if let Some((threads, turn)) = self.held.take() {
            self.keeper.spawn(Arc::clone(&self.lanes).settle(threads, turn));
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::query::turns::Turns;

    /// Waits until a condition holds. The test runner ends a test that waits forever.
    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn a_lane_whose_query_does_not_stop_is_given_up_and_counted_until_it_ends() {
        let (turns, lanes) = (Turns::new(1, 1), Arc::new(Lanes::new(false)));
        let turn = turns.take(Some("ann".into())).await.unwrap();
        let stuck = lanes.enter(turn, Stop::default(), Handle::current()).unwrap();
        let (end, ended) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        // A computation that never yields.
        let task = stuck.handle().unwrap().spawn(async move {
            started.send(()).unwrap();
            ended.recv().unwrap_err();
        });
        has_started.recv().unwrap();
        task.abort();
        drop(stuck);
        until(|| lanes.stuck.load(Ordering::Relaxed) == 1).await;
        assert_eq!(turns.in_use(), 0);
        assert!(turns.take(Some("ann".into())).await.is_err());

        // Another caller gets another lane.
        let turn = turns.take(Some("bob".into())).await.unwrap();
        let running = lanes.enter(turn, Stop::default(), Handle::current()).unwrap();
        assert_eq!(running.handle().unwrap().spawn(async { 7 }).await.unwrap(), 7);
        drop(running);
        until(|| turns.in_use() == 0).await;

        drop(end);
        until(|| lanes.stuck.load(Ordering::Relaxed) == 0).await;
        until(|| turns.in_use() == 0).await;
        assert!(turns.take(Some("ann".into())).await.is_ok());
        assert_eq!(lanes.given_up.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_lane_is_reused_and_its_query_learns_that_it_must_stop() {
        let (turns, lanes, stop) = (Turns::new(1, 1), Arc::new(Lanes::new(false)), Stop::default());
        for _ in 0..3 {
            let turn = turns.take(None).await.unwrap();
            let running = lanes.enter(turn, stop.clone(), Handle::current()).unwrap();
            running.handle().unwrap().spawn(async {}).await.unwrap();
            drop(running);
        }
        until(|| turns.in_use() == 0 && lanes.idle().len() == 1).await;
        assert!(stop.check().is_err());
        assert_eq!(lanes.given_up.load(Ordering::Relaxed), 0);
    }
}
