//! What the API reports about a server's pod.

use std::path::{Path, PathBuf};

use pganalytics_kubernetes::api::{Pod, Quantity};

use super::quantity;
use crate::find::kubernetes::recognise::{Candidate, Role, containers, status_of, workload};

/// What the API reports about a server's pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub namespace: String,
    pub pod: String,
    pub uid: String,
    pub node: Option<String>,
    pub workload_kind: Option<String>,
    pub workload: Option<String>,
    pub operator: &'static str,
    pub cluster: Option<String>,
    pub container: Option<String>,
    pub container_id: Option<String>,
    pub image: Option<String>,
    pub role: Option<Role>,
    pub phase: Option<String>,
    pub ready: Option<bool>,
    pub restarts: Option<i64>,
    pub last_end: Option<String>,
    pub cpu_request: Option<f64>,
    pub cpu_limit: Option<f64>,
    pub memory_request: Option<i64>,
    pub memory_limit: Option<i64>,
    pub claim: Option<String>,
    /// The folder of the node's cgroups, if it is mounted.
    pub cgroups: Option<PathBuf>,
    pub volumes: Option<PathBuf>,
}

impl Facts {
    #[must_use]
    pub(crate) fn new(pod: &Pod, candidate: &Candidate, cgroups: Option<&Path>, volumes: Option<&Path>) -> Self {
        let name = candidate.container.as_deref();
        let container = containers(pod).iter().find(|container| name.is_none_or(|name| container.name == name));
        let status = status_of(pod, name);
        let resources = container.and_then(|container| container.resources.as_ref());
        let requests = resources.and_then(|resources| resources.requests.as_ref());
        let limits = resources.and_then(|resources| resources.limits.as_ref());
        let (workload_kind, workload) = workload(pod);
        #[expect(clippy::cast_possible_truncation, reason = "bytes below 2^53 are exact, and a request beyond is none")]
        let bytes = |quantity: &Quantity| quantity::parse(quantity).map(|bytes| bytes as i64);
        let ended = status.and_then(|status| status.last_state.as_ref()?.terminated.as_ref());
        Self {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            pod: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            workload_kind: workload_kind.map(Into::into),
            workload,
            operator: candidate.operator.name(),
            cluster: candidate.cluster.clone(),
            container: container.map(|container| container.name.clone()),
            container_id: status.and_then(|status| Some(status.container_id.as_ref()?.rsplit('/').next()?.to_owned())),
            image: container.and_then(|container| container.image.clone()),
            role: candidate.role,
            phase: pod.status.as_ref().and_then(|status| status.phase.clone()),
            ready: status.map(|status| status.ready),
            restarts: status.map(|status| i64::from(status.restart_count)),
            last_end: ended.map(|ended| ended.reason.clone().unwrap_or_else(|| format!("exit code {}", ended.exit_code))),
            cpu_request: requests.and_then(|requests| quantity::parse(requests.get("cpu")?)),
            cpu_limit: limits.and_then(|limits| quantity::parse(limits.get("cpu")?)),
            memory_request: requests.and_then(|requests| bytes(requests.get("memory")?)),
            memory_limit: limits.and_then(|limits| bytes(limits.get("memory")?)),
            claim: claim(pod, container.map(|container| container.name.as_str())),
            cgroups: cgroups.map(Into::into),
            volumes: volumes.map(Into::into),
        }
    }
}

/// Finds the claim of the container's data volume. If there are several, the claim of a volume with `data` in its name is preferred.
fn claim(pod: &Pod, container: Option<&str>) -> Option<String> {
    let volumes = pod.spec.as_ref()?.volumes.as_deref()?;
    let claims =
        volumes.iter().filter_map(|volume| Some((volume.name.as_str(), volume.persistent_volume_claim.as_ref()?.claim_name.as_str())));
    let container = containers(pod).iter().find(|is| Some(is.name.as_str()) == container)?;
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let mut mounted: Vec<_> = claims.filter(|(name, _)| mounts.iter().any(|mount| mount.name == *name)).collect();
    mounted.sort_by_key(|(name, _)| !name.contains("data"));
    mounted.first().map(|(_, claim)| (*claim).to_owned())
}
