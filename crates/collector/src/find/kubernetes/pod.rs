//! `kubernetes_pod`: the pod a server runs in, with what it may use and what it uses.
//!
//! Everything but the figures comes from the pod as the API told it, for no more rights than finding it takes. Figures come from the node's
//! own files, where they are mounted: CPU, throttling and memory from its cgroups, the data volume's use from the file system under the
//! kubelet's folder. Nobody is asked for them over the network: what the kubelet tells of one pod, it tells only who may read all of the node.

use std::path::{Path, PathBuf};

use pganalytics_kubernetes::api::Pod;
use pganalytics_kubernetes::api::Quantity;
use pganalytics_views::View;

use super::cgroup;
use super::recognise::{Candidate, Role, containers, status_of, workload};
use crate::delta::rows::{Rows, Snapshot};

/// Readings in a row that must disagree before it is told: a label follows a failover some seconds later.
const DISAGREEMENTS: u32 = 3;
/// Volumes that hold no data of a server.
const NO_DATA: [&str; 5] =
    ["kubernetes.io~projected", "kubernetes.io~secret", "kubernetes.io~configmap", "kubernetes.io~empty-dir", "kubernetes.io~downward-api"];

/// What the API told.
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
    restarts: Option<i64>,
    last_end: Option<String>,
    cpu_request: Option<f64>,
    cpu_limit: Option<f64>,
    memory_request: Option<i64>,
    memory_limit: Option<i64>,
    claim: Option<String>,
    /// Where figures are read, if anywhere.
    cgroups: Option<PathBuf>,
    volumes: Option<PathBuf>,
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
        let bytes = |quantity: &Quantity| parse(quantity).map(|bytes| bytes as i64);
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
            cpu_request: requests.and_then(|requests| parse(requests.get("cpu")?)),
            cpu_limit: limits.and_then(|limits| parse(limits.get("cpu")?)),
            memory_request: requests.and_then(|requests| bytes(requests.get("memory")?)),
            memory_limit: limits.and_then(|limits| bytes(limits.get("memory")?)),
            claim: claim(pod, container.map(|container| container.name.as_str())),
            cgroups: cgroups.map(Into::into),
            volumes: volumes.map(Into::into),
        }
    }
}

/// The claim whose volume the container has its data on: of several the one whose volume is named after data.
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

/// Reads the view's one row.
///
/// # Errors
/// Where the volumes' folder is mounted and cannot be read.
pub(crate) fn read(view: &View, facts: &Facts, in_recovery: Option<bool>, ts_us: i64) -> anyhow::Result<Snapshot> {
    let usage = facts.cgroups.as_deref().zip(facts.container_id.as_deref());
    let usage = usage.and_then(|(root, id)| cgroup::read(root, &facts.uid, id)).unwrap_or_default();
    let volume = facts.volumes.as_deref().and_then(|volumes| volume(&volumes.join(&facts.uid)));
    let role = in_recovery.map(|standby| if standby { Role::Standby } else { Role::Primary }.name());
    let int = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
    let mut rows = Rows::new(view, 1);
    for (column, definition) in view.columns.iter().enumerate() {
        match definition.name.as_str() {
            "namespace" => rows.set_text(column, Some(&facts.namespace)),
            "pod" => rows.set_text(column, Some(&facts.pod)),
            "uid" => rows.set_text(column, Some(&facts.uid)),
            "node" => rows.set_text(column, facts.node.as_deref()),
            "workload_kind" => rows.set_text(column, facts.workload_kind.as_deref()),
            "workload" => rows.set_text(column, facts.workload.as_deref()),
            "operator" => rows.set_text(column, Some(facts.operator)),
            "cluster" => rows.set_text(column, facts.cluster.as_deref()),
            "container" => rows.set_text(column, facts.container.as_deref()),
            "image" => rows.set_text(column, facts.image.as_deref()),
            "role" => rows.set_text(column, role),
            "role_label" => rows.set_text(column, facts.role.map(Role::name)),
            "phase" => rows.set_text(column, facts.phase.as_deref()),
            "last_end" => rows.set_text(column, facts.last_end.as_deref()),
            "volume_claim" => rows.set_text(column, facts.claim.as_deref()),
            "ready" => rows.set_int(column, facts.ready.map(i64::from)),
            "restarts" => rows.set_int(column, facts.restarts),
            "cpu_request" => rows.set_float(column, facts.cpu_request),
            "cpu_limit" => rows.set_float(column, facts.cpu_limit),
            "memory_request" => rows.set_int(column, facts.memory_request),
            "memory_limit" => rows.set_int(column, facts.memory_limit),
            "cpu_time" => rows.set_int(column, int(usage.cpu_ns)),
            "cpu_periods" => rows.set_int(column, int(usage.periods)),
            "cpu_throttled_periods" => rows.set_int(column, int(usage.throttled_periods)),
            "cpu_throttled_time" => rows.set_int(column, int(usage.throttled_ns)),
            "memory" => rows.set_int(column, int(usage.memory)),
            "memory_working_set" => rows.set_int(column, int(usage.working_set)),
            "memory_anonymous" => rows.set_int(column, int(usage.anonymous)),
            "oom_kills" => rows.set_int(column, int(usage.oom_kills)),
            "volume_size" => rows.set_int(column, int(volume.map(|(size, _)| size))),
            "volume_available" => rows.set_int(column, int(volume.map(|(_, available)| available))),
            _ => rows.set_int(column, None),
        }
    }
    rows.end_row();
    Ok(rows.finish(ts_us, 0))
}

/// Size and free bytes of a pod's persistent volume. Which of several is the data's, only the API's volumes would tell, and they are
/// cluster-wide: then nothing is told.
fn volume(pod: &Path) -> Option<(u64, u64)> {
    let plugins = std::fs::read_dir(pod.join("volumes")).ok()?.flatten();
    let plugins = plugins.filter(|plugin| !NO_DATA.iter().any(|name| plugin.file_name() == *name));
    let mut volumes = plugins.flat_map(|plugin| std::fs::read_dir(plugin.path()).into_iter().flatten().flatten());
    let (one, None) = (volumes.next()?, volumes.next()) else { return None };
    // CSI volumes are mounted one level below, beside a file about them.
    let mount = Some(one.path().join("mount")).filter(|path| path.is_dir()).unwrap_or_else(|| one.path());
    let stat = rustix::fs::statvfs(&mount).ok()?;
    Some((stat.f_blocks.saturating_mul(stat.f_frsize), stat.f_bavail.saturating_mul(stat.f_frsize)))
}

/// Kubernetes' numbers: "500m", "2", "1Gi", "1e3".
#[must_use]
fn parse(quantity: &Quantity) -> Option<f64> {
    let text = quantity.0.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    // `1e3` ends in a digit, so that an exponent is never taken for a suffix; `1E` is exa.
    let factor = match &text[number.len()..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        _ => return None,
    };
    // Fractions of a thousandth are divided, not multiplied: 500m is exactly a half.
    let number: f64 = number.parse().ok()?;
    Some(if factor < 1.0 { number / (1.0 / factor).round() } else { number * factor })
}

/// Whether a label contradicts the server for so long that it is no failover under way.
#[derive(Debug, Default)]
pub(crate) struct Disagreement {
    seen: u32,
}

impl Disagreement {
    /// What to tell, once.
    pub(crate) fn look(&mut self, label: Option<Role>, in_recovery: Option<bool>) -> Option<String> {
        let (Some(label), Some(standby)) = (label, in_recovery) else { return None };
        let is = if standby { Role::Standby } else { Role::Primary };
        if label == is {
            self.seen = 0;
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        (self.seen == DISAGREEMENTS).then(|| {
            format!(
                "the pod's label says {}, and the server is a {}: the server is believed; look at the operator",
                label.name(),
                is.name()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, value) in
            [("500m", 0.5), ("2", 2.0), ("0.1", 0.1), ("1Gi", 1_073_741_824.0), ("128M", 128e6), ("1e3", 1000.0), ("1E", 1e18)]
        {
            assert_eq!(parse(&Quantity(text.into())), Some(value), "{text}");
        }
        for text in ["", "x", "1 Gi", "1Gib", "m"] {
            assert_eq!(parse(&Quantity(text.into())), None, "{text}");
        }
    }

    #[test]
    fn a_label_that_lags_behind_a_failover_is_no_disagreement() {
        let mut disagreement = Disagreement::default();
        let mut look = |label, standby| disagreement.look(Some(label), Some(standby)).is_some();
        assert_eq!([look(Role::Primary, true), look(Role::Primary, true), look(Role::Standby, true)], [false; 3]);
        assert_eq!([look(Role::Primary, true), look(Role::Primary, true)], [false; 2]);
        assert!(look(Role::Primary, true));
        assert!(!look(Role::Primary, true), "told once");
    }

    #[test]
    fn the_use_of_a_volume_is_told_where_there_is_one_alone() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let of = |path: &str| std::fs::create_dir_all(folder.path().join("volumes").join(path));
        of("kubernetes.io~projected/kube-api-access")?;
        assert_eq!(volume(folder.path()), None);
        of("kubernetes.io~csi/pvc-1/mount")?;
        assert!(volume(folder.path()).is_some_and(|(size, available)| size > 0 && available <= size));
        of("kubernetes.io~csi/pvc-2/mount")?;
        assert_eq!(volume(folder.path()), None);
        Ok(())
    }
}
