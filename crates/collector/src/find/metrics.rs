//! The metrics of discovery in /metrics.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::registry::{Int, register};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PodState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Collection {
    /// A namespace, or the node's selector.
    watched: String,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    pods: Family<PodState, Int>,
    watch: Family<Collection, Int>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            pods: register(
                registry,
                "kubernetes_pods",
                "Pods that have to do with PostgreSQL, by state; watched: the pod's server is read",
            ),
            watch: register(registry, "kubernetes_watch_up", "Whether the watch of pods works"),
        }
    }

    pub(crate) fn kubernetes_pods(&self, state: &'static str, count: usize) {
        self.pods.get_or_create(&PodState { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn kubernetes_watch(&self, watched: &str, up: bool) {
        self.watch.get_or_create(&Collection { watched: watched.into() }).set(i64::from(up));
    }
}
