//! Turns: how many queries run at once, and which one is next.
//!
//! # Promise
//! - One caller never holds all turns, so a caller with many slow queries delays nobody else.
//! - A free turn goes to the waiting caller with the fewest turns. Among equals, the longest wait wins.
//! - A query that cannot be stopped gives its turn back, but still counts for its caller until its thread ends.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The turns of one purpose. It is cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    all: usize,
    free: usize,
    /// The most turns of one caller.
    each: usize,
    callers: HashMap<String, Held>,
    waiting: VecDeque<Waiting>,
}

/// What one caller holds.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    turns: usize,
    /// Those of the turns whose queries cannot be stopped.
    stuck: usize,
}

#[derive(Debug)]
struct Waiting {
    caller: Option<String>,
    ready: oneshot::Sender<Turn>,
}

/// The right to run one query. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    caller: Option<String>,
    given_up: bool,
}

/// All turns of a caller are held by queries that cannot be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AllStuck(pub(crate) usize);

impl Turns {
    /// `all` turns, of which one caller holds at most `each`.
    pub(crate) fn new(all: usize, each: usize) -> Self {
        Self(Arc::new(Mutex::new(State { all, free: all, each, callers: HashMap::new(), waiting: VecDeque::new() })))
    }

    /// Waits for a turn. A query without a caller is the backend's own, and only waits for a free turn.
    ///
    /// # Errors
    /// If waiting is of no use, because the caller's own queries hold the caller's turns and cannot be stopped.
    pub(crate) async fn take(&self, caller: Option<String>) -> Result<Turn, AllStuck> {
        let receiver = {
            let mut state = self.lock();
            let held = state.held(caller.as_deref());
            if held.stuck >= state.each {
                return Err(AllStuck(held.stuck));
            }
            let (ready, receiver) = oneshot::channel();
            state.waiting.push_back(Waiting { caller, ready });
            receiver
        };
        self.hand_out();
        // The sender leaves the queue only to send.
        receiver.await.map_err(|_| AllStuck(0))
    }

    /// The number of turns in use.
    pub(crate) fn in_use(&self) -> usize {
        let state = self.lock();
        state.all - state.free
    }

    /// Gives free turns to those who wait.
    fn hand_out(&self) {
        loop {
            let next = self.lock().next();
            let Some(Waiting { caller, ready }) = next else { return };
            // If the waiting query has gone meanwhile, its turn is dropped here, which hands it out again.
            drop(ready.send(Turn { turns: self.clone(), caller, given_up: false }));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&self, caller: Option<&str>) -> Held {
        caller.and_then(|caller| self.callers.get(caller)).copied().unwrap_or_default()
    }

    /// Takes the next query from the queue, and a turn for it.
    fn next(&mut self) -> Option<Waiting> {
        self.waiting.retain(|waiting| !waiting.ready.is_closed());
        if self.free == 0 {
            return None;
        }
        let turns_of = |waiting: &Waiting| self.held(waiting.caller.as_deref()).turns;
        let may = self.waiting.iter().enumerate().filter(|(_, waiting)| turns_of(waiting) < self.each);
        // `min_by_key` returns the first of equals.
        let (at, _) = may.min_by_key(|(_, waiting)| turns_of(waiting))?;
        let next = self.waiting.remove(at)?;
        self.free -= 1;
        if let Some(caller) = &next.caller {
            self.callers.entry(caller.clone()).or_default().turns += 1;
        }
        Some(next)
    }
}

impl Turn {
    /// Frees the turn for others while the query still runs. It goes on counting for its caller.
    pub(crate) fn give_up(&mut self) {
        if self.given_up {
            return;
        }
        self.given_up = true;
        {
            let mut state = self.turns.lock();
            state.free += 1;
            if let Some(held) = self.caller.as_ref().and_then(|caller| state.callers.get_mut(caller)) {
                held.stuck += 1;
            }
        }
        self.turns.hand_out();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        {
            let mut state = self.turns.lock();
            if !self.given_up {
                state.free += 1;
            }
            if let Some(caller) = &self.caller
                && let Some(held) = state.callers.get_mut(caller)
            {
                held.turns = held.turns.saturating_sub(1);
                held.stuck = held.stuck.saturating_sub(usize::from(self.given_up));
                if held.turns == 0 {
                    state.callers.remove(caller);
                }
            }
        }
        self.turns.hand_out();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Taking<'a> = Pin<Box<dyn Future<Output = Result<Turn, AllStuck>> + 'a>>;

    fn taking<'a>(turns: &'a Turns, caller: &str) -> Taking<'a> {
        Box::pin(turns.take(Some(caller.to_owned())))
    }

    fn poll(taking: &mut Taking<'_>) -> Option<Result<Turn, AllStuck>> {
        match taking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    fn take(turns: &Turns, caller: &str) -> Option<Turn> {
        poll(&mut taking(turns, caller)).map(Result::unwrap)
    }

    #[test]
    fn one_caller_never_holds_all_turns() {
        let turns = Turns::new(3, 2);
        let _one = take(&turns, "ann").unwrap();
        let _two = take(&turns, "ann").unwrap();
        assert!(take(&turns, "ann").is_none());
        let _three = take(&turns, "bob").unwrap();
        assert_eq!(turns.in_use(), 3);
    }

    #[test]
    fn a_free_turn_goes_to_the_caller_with_the_fewest_turns() {
        let turns = Turns::new(3, 2);
        let first = take(&turns, "ann").unwrap();
        let _bob = take(&turns, "bob").unwrap();
        let cid = take(&turns, "cid").unwrap();
        let (mut ann, mut dan, mut eve) = (taking(&turns, "ann"), taking(&turns, "dan"), taking(&turns, "eve"));
        assert!(poll(&mut ann).is_none() && poll(&mut dan).is_none() && poll(&mut eve).is_none());
        drop(cid);
        // Ann has waited longest, but holds a turn.
        assert!(poll(&mut ann).is_none());
        let _dan = poll(&mut dan).unwrap().unwrap();
        drop(first);
        // Ann and Eve hold none now. Ann has waited longer.
        assert!(poll(&mut eve).is_none());
        assert!(poll(&mut ann).is_some());
    }

    #[test]
    fn a_query_that_stops_waiting_takes_no_turn() {
        let turns = Turns::new(1, 1);
        let held = take(&turns, "ann").unwrap();
        let mut gone = taking(&turns, "bob");
        assert!(poll(&mut gone).is_none());
        drop(gone);
        drop(held);
        assert_eq!(turns.in_use(), 0);
        // A turn that was handed out, but never taken, is free again.
        let held = take(&turns, "ann").unwrap();
        let (mut late, mut next) = (taking(&turns, "bob"), taking(&turns, "cid"));
        assert!(poll(&mut late).is_none() && poll(&mut next).is_none());
        drop(held);
        drop(late);
        assert!(poll(&mut next).is_some());
    }

    #[test]
    fn a_turn_that_was_given_up_is_free_for_others_only() {
        let turns = Turns::new(1, 1);
        let mut stuck = take(&turns, "ann").unwrap();
        stuck.give_up();
        assert_eq!(turns.in_use(), 0);
        assert_eq!(poll(&mut taking(&turns, "ann")).unwrap().unwrap_err(), AllStuck(1));
        let bob = take(&turns, "bob").unwrap();
        drop(bob);
        drop(stuck);
        assert!(take(&turns, "ann").is_some());
        assert_eq!(turns.in_use(), 0);
    }

    #[test]
    fn the_backends_own_queries_share_no_caller() {
        let turns = Turns::new(2, 1);
        let own = || poll(&mut (Box::pin(turns.take(None)) as Taking<'_>)).map(Result::unwrap);
        let (_one, _two) = (own().unwrap(), own().unwrap());
        assert!(own().is_none());
    }
}
