//! The log of a target that runs in a pod.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use pganalytics_kubernetes::ApiError;

use super::pod_log::PodLog;
use crate::find::kubernetes::pod::PodHost;
use crate::find::kubernetes::recognise::Operator;
use crate::find::kubernetes::rights::READ_LOGS;
use crate::read::target::{LogSource, Piece};

/// The log of a pod, with the pod's facts as the API last reported them.
#[derive(Debug)]
pub(crate) struct LogOfPod {
    log: Arc<PodLog>,
    pod: Arc<PodHost>,
}

impl LogOfPod {
    pub(crate) fn shared(log: Arc<PodLog>, pod: Arc<PodHost>) -> Arc<dyn LogSource> {
        Arc::new(Self { log, pod })
    }
}

impl LogSource for LogOfPod {
    fn read(&self) -> BoxFuture<'_, Result<Piece, String>> {
        async {
            self.log.read(&self.pod.facts()).await.map_err(|error| {
                let remedy = if matches!(error, ApiError::Forbidden { .. }) { READ_LOGS } else { "retries automatically" };
                format!("{error}: {remedy}")
            })
        }
        .boxed()
    }

    /// CloudNativePG writes the entries of the log files to the container's log.
    fn includes_files(&self) -> bool {
        self.pod.facts().operator == Operator::CloudNativePg.name()
    }
}
