//! The state of discovery: the pods, the attempts under way, and the running targets.

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

/// What discovery needs to start.
#[derive(Debug)]
pub(crate) struct Discovery {
    pub options: KubernetesOptions,
    pub client: Client,
    /// The names of the targets in the configuration.
    pub taken: HashSet<String>,
    pub metrics: Arc<Metrics>,
}

pub(super) struct Known {
    pub(super) scopes: Vec<Scope>,
    /// The last error of each watch that fails.
    pub(super) failing: HashMap<usize, String>,
    pub(super) options: Arc<KubernetesOptions>,
    pub(super) client: Arc<Client>,
    pub(super) taken: HashSet<String>,
    pub(super) common: Arc<Common>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
    /// Notified by a target whose login was refused.
    pub(super) bell: Arc<Notify>,
    pub(super) pods: BTreeMap<String, Found>,
    pub(super) attempts: JoinSet<Attempt>,
    /// Each task returns its server's name.
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
        // A server that should be read but is not counts as a server that does not answer.
        let intended = self.pods.values().filter(|found| found.state != State::LeftOut).count();
        self.common.metrics.expect(self.taken.len() + intended);
    }
}
