//! What discovery knows: the pods, their attempts under way, and the targets it runs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use pganalytics_kubernetes::{Client, Scope};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::attempt::Attempt;
use super::found::Found;
use super::state::State;
use crate::config::KubernetesOptions;
use crate::find::kubernetes::access::scopes;
use crate::find::metrics::Metrics;
use crate::read::target::Common;

/// What discovery works with.
#[derive(Debug)]
pub(crate) struct Discovery {
    pub options: KubernetesOptions,
    pub client: Client,
    /// Names of the configuration's own targets.
    pub taken: HashSet<String>,
    pub metrics: Arc<Metrics>,
}

pub(super) struct Known {
    pub(super) scopes: Vec<Scope>,
    /// What each watch that fails said last.
    pub(super) failing: HashMap<usize, String>,
    pub(super) options: Arc<KubernetesOptions>,
    pub(super) client: Arc<Client>,
    pub(super) taken: HashSet<String>,
    pub(super) common: Arc<Common>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
    /// Rung by a target whose login was refused.
    pub(super) bell: Arc<Notify>,
    pub(super) pods: BTreeMap<String, Found>,
    pub(super) attempts: JoinSet<Attempt>,
    /// Each ends with its server's name.
    pub(super) targets: JoinSet<String>,
    pub(super) began: DateTime<Utc>,
}

impl Known {
    pub(super) fn new(discovery: Discovery, common: Arc<Common>, stop: CancellationToken) -> Self {
        let Discovery { options, client, taken, metrics } = discovery;
        Self {
            scopes: scopes(&options),
            failing: HashMap::new(),
            options: Arc::new(options),
            client: Arc::new(client),
            taken,
            common,
            metrics,
            stop,
            bell: Arc::default(),
            pods: BTreeMap::new(),
            attempts: JoinSet::new(),
            targets: JoinSet::new(),
            began: Utc::now(),
        }
    }

    pub(super) fn count(&self) {
        for state in State::ALL {
            let count = self.pods.values().filter(|found| found.state == state).count();
            self.metrics.kubernetes_pods(state.name(), count);
        }
        // What should be read and is not, is a server that does not answer.
        let intended = self.pods.values().filter(|found| found.state != State::LeftOut).count();
        self.common.metrics.expect(self.taken.len() + intended);
    }
}
