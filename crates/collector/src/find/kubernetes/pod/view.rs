//! Makes the row of `kubernetes_pod`.

use pganalytics_views::View;

use super::facts::Facts;
use super::{cgroup, volume};
use crate::delta::rows::{Rows, Snapshot};
use crate::find::kubernetes::recognise::Role;

/// Makes the view's one row.
///
/// # Errors
/// If the folder of volumes is mounted but cannot be read.
pub(crate) fn read(view: &View, facts: &Facts, in_recovery: Option<bool>, ts_us: i64) -> anyhow::Result<Snapshot> {
    let usage = facts.cgroups.as_deref().zip(facts.container_id.as_deref());
    let usage = usage.and_then(|(root, id)| cgroup::read(root, &facts.uid, id)).unwrap_or_default();
    let volume = facts.volumes.as_deref().and_then(|volumes| volume::read(&volumes.join(&facts.uid)));
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
    if let Some(mark) = view.mark("container_id") {
        rows.set_text(mark, facts.container_id.as_deref());
    }
    rows.end_row();
    Ok(rows.finish(ts_us, 0))
}
