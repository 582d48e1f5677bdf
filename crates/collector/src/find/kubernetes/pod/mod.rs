//! `kubernetes_pod`: the pod in which a server runs, with its limits and its usage.
//!
//! Everything except the figures comes from the pod in the API, with no more rights than discovery needs. The figures come from the node's
//! own files, if these are mounted: CPU, throttling and memory from the cgroups, the usage of the data volume from the file system in the
//! kubelet's folder. No figure is requested over the network: the kubelet reports one pod only to clients that may read the whole node.
//!
//! May use `recognise` and `delta::rows`; answers `Host` of `read/target`.
//! Used by `discovery` and `log`.

mod cgroup;
mod disagreement;
mod facts;
mod host;
mod quantity;
mod view;
mod volume;

pub(super) use facts::Facts;
pub(super) use host::PodHost;
