//! Reads a container's usage from the node's cgroups, if the cluster's operator has mounted them (a hostPath, off by default).
//!
//! # Where
//! The kubelet creates one group per pod, and in it one group per container. With the systemd driver, the path is
//! `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid>.slice/cri-containerd-<id>.scope` (the dashes of the uid become
//! underscores). With the cgroupfs driver, the path is `kubepods/burstable/pod<uid>/<id>`. Guaranteed pods have no folder for their class.
//! kind adds `kubelet.slice` in front. Version 2 has one tree, version 1 has one tree per controller.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The most bytes of a file. These files have a few hundred bytes.
const FILE_CAP: u64 = 64 * 1024;
/// The folders that hold the groups of pods.
const ROOTS: [&str; 4] = ["kubepods.slice", "kubepods", "kubelet.slice/kubelet-kubepods.slice", "kubelet/kubepods"];
const CLASSES: [&str; 3] = ["", "burstable", "besteffort"];
const NS_PER_US: u64 = 1_000;

/// Counters since the start of the container, and gauges. `None`: the kernel does not report the figure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub cpu_ns: Option<u64>,
    pub periods: Option<u64>,
    pub throttled_periods: Option<u64>,
    pub throttled_ns: Option<u64>,
    pub memory: Option<u64>,
    /// Memory without the page cache that can be dropped at once. The kubelet uses this figure.
    pub working_set: Option<u64>,
    pub anonymous: Option<u64>,
    pub oom_kills: Option<u64>,
}

/// Reads a container's group. `None`: the group is not found.
pub(super) fn read(root: &Path, uid: &str, container_id: &str) -> Option<Usage> {
    if root.join("cgroup.controllers").exists() {
        return Some(version_2(&group(root, uid, container_id)?));
    }
    let of = |names: &[&str]| names.iter().find_map(|name| group(&root.join(name), uid, container_id));
    let cpu = of(&["cpu", "cpu,cpuacct"]);
    let accounted = of(&["cpuacct", "cpu,cpuacct"]);
    let memory = of(&["memory"]);
    if cpu.is_none() && accounted.is_none() && memory.is_none() {
        return None;
    }
    Some(version_1(cpu.as_deref(), accounted.as_deref(), memory.as_deref()))
}

fn group(tree: &Path, uid: &str, container_id: &str) -> Option<PathBuf> {
    // Both become parts of a path, so only the characters of ids are allowed.
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !plain(uid) || !plain(container_id) {
        return None;
    }
    let underscored = uid.replace('-', "_");
    for root in ROOTS {
        let root_path = tree.join(root);
        if !root_path.is_dir() {
            continue;
        }
        let systemd = root.ends_with(".slice");
        let prefix = root.rsplit('/').next().unwrap_or(root).trim_end_matches(".slice");
        for class in CLASSES {
            let pod = match (systemd, class) {
                (true, "") => root_path.join(format!("{prefix}-pod{underscored}.slice")),
                (true, class) => root_path.join(format!("{prefix}-{class}.slice")).join(format!("{prefix}-{class}-pod{underscored}.slice")),
                (false, "") => root_path.join(format!("pod{uid}")),
                (false, class) => root_path.join(class).join(format!("pod{uid}")),
            };
            let Ok(entries) = std::fs::read_dir(&pod) else { continue };
            // The runtime's name is in front of the id: `cri-containerd-<id>.scope`, `crio-<id>.scope`.
            let found = entries.flatten().find(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.trim_end_matches(".scope").rsplit('-').next() == Some(container_id) && entry.path().is_dir()
            });
            return found.map(|entry| entry.path());
        }
    }
    None
}

fn version_2(group: &Path) -> Usage {
    let cpu = pairs(&group.join("cpu.stat"));
    let stat = pairs(&group.join("memory.stat"));
    let memory = number(&group.join("memory.current"));
    let ns = |key: &str| cpu.get(key).map(|us| us.saturating_mul(NS_PER_US));
    Usage {
        cpu_ns: ns("usage_usec"),
        periods: cpu.get("nr_periods").copied(),
        throttled_periods: cpu.get("nr_throttled").copied(),
        throttled_ns: ns("throttled_usec"),
        memory,
        working_set: memory.zip(stat.get("inactive_file").copied()).map(|(used, inactive)| used.saturating_sub(inactive)),
        anonymous: stat.get("anon").copied(),
        oom_kills: pairs(&group.join("memory.events")).get("oom_kill").copied(),
    }
}

fn version_1(cpu: Option<&Path>, accounted: Option<&Path>, memory: Option<&Path>) -> Usage {
    let file = |group: Option<&Path>, name: &str| group.map(|group| group.join(name));
    let cpu = file(cpu, "cpu.stat").map(|file| pairs(&file)).unwrap_or_default();
    let stat = file(memory, "memory.stat").map(|file| pairs(&file)).unwrap_or_default();
    let used = file(memory, "memory.usage_in_bytes").and_then(|file| number(&file));
    Usage {
        cpu_ns: file(accounted, "cpuacct.usage").and_then(|file| number(&file)),
        periods: cpu.get("nr_periods").copied(),
        throttled_periods: cpu.get("nr_throttled").copied(),
        throttled_ns: cpu.get("throttled_time").copied(),
        memory: used,
        working_set: used.zip(stat.get("total_inactive_file").copied()).map(|(used, inactive)| used.saturating_sub(inactive)),
        anonymous: stat.get("total_rss").copied(),
        oom_kills: file(memory, "memory.oom_control").and_then(|file| pairs(&file).get("oom_kill").copied()),
    }
}

fn text(file: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(file).ok()?.take(FILE_CAP).read_to_string(&mut text).ok()?;
    Some(text)
}

fn number(file: &Path) -> Option<u64> {
    text(file)?.trim().parse().ok()
}

/// Reads lines of a word and a number.
fn pairs(file: &Path) -> HashMap<String, u64> {
    let text = text(file).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once(' ')).filter_map(|(key, value)| Some((key.into(), value.trim().parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "2f1c9d4e-0a7b-4f3e-9c55-1b2d3e4f5a6b";
    const ID: &str = "9a8b7c6d5e4f";

    fn write(group: &Path, files: &[(&str, &str)]) -> std::io::Result<()> {
        std::fs::create_dir_all(group)?;
        files.iter().try_for_each(|(name, text)| std::fs::write(group.join(name), text))
    }

    #[test]
    fn a_container_is_found_in_every_layout_of_both_cgroup_versions() -> std::io::Result<()> {
        let underscored = UID.replace('-', "_");
        for place in [
            format!("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{underscored}.slice/cri-containerd-{ID}.scope"),
            format!("kubepods.slice/kubepods-pod{underscored}.slice/crio-{ID}.scope"),
            format!("kubepods/besteffort/pod{UID}/{ID}"),
            format!("kubepods/pod{UID}/{ID}"),
            format!(
                "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{underscored}.slice/cri-containerd-{ID}.scope"
            ),
        ] {
            let folder = tempfile::tempdir()?;
            std::fs::write(folder.path().join("cgroup.controllers"), "cpu memory")?;
            write(
                &folder.path().join(&place),
                &[
                    ("cpu.stat", "usage_usec 1500\nuser_usec 1000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 70\n"),
                    ("memory.current", "1000\n"),
                    ("memory.stat", "anon 400\nfile 600\ninactive_file 250\n"),
                    ("memory.events", "low 0\noom 2\noom_kill 1\n"),
                ],
            )?;
            let usage = read(folder.path(), UID, ID).unwrap_or_else(|| panic!("{place}"));
            assert_eq!(
                usage,
                Usage {
                    cpu_ns: Some(1_500_000),
                    periods: Some(10),
                    throttled_periods: Some(3),
                    throttled_ns: Some(70_000),
                    memory: Some(1_000),
                    working_set: Some(750),
                    anonymous: Some(400),
                    oom_kills: Some(1),
                }
            );
            assert_eq!(read(folder.path(), UID, "another"), None);
            assert_eq!(read(folder.path(), "../../etc", ID), None);
        }
        Ok(())
    }

    #[test]
    fn cgroup_version_1_has_a_tree_per_controller() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let of = |controller: &str| folder.path().join(controller).join(format!("kubepods/burstable/pod{UID}/{ID}"));
        write(
            &of("cpu,cpuacct"),
            &[("cpu.stat", "nr_periods 10\nnr_throttled 3\nthrottled_time 70000\n"), ("cpuacct.usage", "1500000\n")],
        )?;
        write(&of("memory"), &[("memory.usage_in_bytes", "1000\n"), ("memory.stat", "total_rss 400\ntotal_inactive_file 250\n")])?;
        let usage = read(folder.path(), UID, ID).expect("the group");
        assert_eq!(
            (usage.cpu_ns, usage.throttled_ns, usage.working_set, usage.anonymous),
            (Some(1_500_000), Some(70_000), Some(750), Some(400))
        );
        Ok(())
    }
}
