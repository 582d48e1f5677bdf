//! Reads a pod's object: its name, labels, containers and ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use pganalytics_kubernetes::api::{Container, ContainerStatus, Pod};

use super::candidate::Candidate;

/// Returns the server's name in every table. The name stays the same over restarts, moves and new addresses.
///
/// The pods of a StatefulSet and the instances of an operator keep their names. Each new pod of a Deployment has a new name, so the
/// Deployment's name is used.
#[must_use]
pub(crate) fn server_name(pod: &Pod) -> String {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let name = match workload(pod) {
        (Some("Deployment"), Some(name)) => name,
        _ => pod.metadata.name.clone().unwrap_or_default(),
    };
    format!("{namespace}/{name}")
}

/// Returns the kind and the name of the pod's owner.
#[must_use]
pub(crate) fn workload(pod: &Pod) -> (Option<&str>, Option<String>) {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)).or_else(|| owners.first()) else { return (None, None) };
    if owner.kind == "ReplicaSet"
        && let Some(hash) = label(pod, "pod-template-hash")
        && let Some(name) = owner.name.strip_suffix(hash).and_then(|name| name.strip_suffix('-'))
    {
        return (Some("Deployment"), Some(name.into()));
    }
    (Some(&owner.kind), Some(owner.name.clone()))
}

pub(super) fn label<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    get(pod.metadata.labels.as_ref(), key)
}

pub(super) fn get<'a>(map: Option<&'a BTreeMap<String, String>>, key: &str) -> Option<&'a str> {
    map?.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

pub(crate) fn containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().map_or(&[], |spec| spec.containers.as_slice())
}

/// Returns the status of a container, if the kubelet has reported it.
#[must_use]
pub(crate) fn status_of<'a>(pod: &'a Pod, container: Option<&str>) -> Option<&'a ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    match container {
        Some(name) => statuses.iter().find(|status| status.name == name),
        None => statuses.first(),
    }
}

pub(super) fn only_container(pod: &Pod) -> Option<String> {
    containers(pod).first().map(|container| container.name.clone())
}

/// Returns a port that a container declares: a port with one of these names in any container, else the first port of the named container.
pub(super) fn declared_port(pod: &Pod, container: Option<&str>, names: &[&str]) -> Option<u16> {
    let all = || containers(pod).iter().flat_map(|container| container.ports.as_deref().unwrap_or_default());
    let named = names.iter().find_map(|name| all().find(|port| port.name.as_deref() == Some(name)));
    let own = || containers(pod).iter().find(|is| Some(is.name.as_str()) == container)?.ports.as_deref()?.first();
    u16::try_from(named.or_else(own)?.container_port).ok().filter(|port| *port > 0)
}

/// Returns the pod's key among all pods.
pub(crate) fn key(pod: &Pod) -> String {
    format!("{}/{}", pod.metadata.namespace.as_deref().unwrap_or_default(), pod.metadata.name.as_deref().unwrap_or_default())
}

pub(crate) fn address(pod: &Pod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

/// Whether the server's container has started.
pub(crate) fn started(pod: &Pod, candidate: &Candidate) -> bool {
    status_of(pod, candidate.container.as_deref()).is_some_and(|status| status.started == Some(true) || status.ready)
}
