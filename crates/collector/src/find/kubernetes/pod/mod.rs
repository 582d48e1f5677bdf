//! `kubernetes_pod`: the pod a server runs in, with what it may use and what it uses.
//!
//! Everything but the figures comes from the pod as the API told it, for no more rights than finding it takes. Figures come from the node's
//! own files, where they are mounted: CPU, throttling and memory from its cgroups, the data volume's use from the file system under the
//! kubelet's folder. Nobody is asked for them over the network: what the kubelet tells of one pod, it tells only who may read all of the node.
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
