//! The host of a target that runs in a pod. Implements the target's trait for host figures.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pganalytics_views::View;

use super::disagreement::Disagreement;
use super::facts::Facts;
use super::view;
use crate::delta::rows::Snapshot;
use crate::read::target::Host;

/// The pod of one target, as the API last reported it.
#[derive(Debug)]
pub(crate) struct PodHost {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    facts: Arc<Facts>,
    disagreement: Disagreement,
}

impl PodHost {
    pub(crate) fn new(facts: Arc<Facts>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { facts, disagreement: Disagreement::default() }) })
    }

    pub(crate) fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.state().facts)
    }

    pub(crate) fn set_facts(&self, facts: Arc<Facts>) {
        self.state().facts = facts;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for PodHost {
    fn contradicts(&self, in_recovery: Option<bool>) -> Option<String> {
        let mut state = self.state();
        let label = state.facts.role;
        state.disagreement.look(label, in_recovery)
    }

    fn read(&self, view: &View, in_recovery: Option<bool>, ts_us: i64) -> anyhow::Result<Snapshot> {
        view::read(view, &self.facts(), in_recovery, ts_us)
    }
}
