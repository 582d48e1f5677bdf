//! Reads the usage of a pod's data volume from the file system in the kubelet's folder.

use std::path::Path;

/// Kinds of volumes that hold no data of a server.
const NO_DATA: [&str; 5] =
    ["kubernetes.io~projected", "kubernetes.io~secret", "kubernetes.io~configmap", "kubernetes.io~empty-dir", "kubernetes.io~downward-api"];

/// Returns the size and the free bytes of a pod's persistent volume. `None` if the pod has several: only the API's volumes would show which
/// of them holds the data, and reading those needs a cluster-wide right.
pub(super) fn read(pod: &Path) -> Option<(u64, u64)> {
    let plugins = std::fs::read_dir(pod.join("volumes")).ok()?.flatten();
    let plugins = plugins.filter(|plugin| !NO_DATA.iter().any(|name| plugin.file_name() == *name));
    let mut volumes = plugins.flat_map(|plugin| std::fs::read_dir(plugin.path()).into_iter().flatten().flatten());
    let (one, None) = (volumes.next()?, volumes.next()) else { return None };
    // A CSI volume is mounted one level below, next to a file that describes it.
    let mount = Some(one.path().join("mount")).filter(|path| path.is_dir()).unwrap_or_else(|| one.path());
    let stat = rustix::fs::statvfs(&mount).ok()?;
    Some((stat.f_blocks.saturating_mul(stat.f_frsize), stat.f_bavail.saturating_mul(stat.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_use_of_a_volume_is_known_if_the_pod_has_only_one() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let of = |path: &str| std::fs::create_dir_all(folder.path().join("volumes").join(path));
        of("kubernetes.io~projected/kube-api-access")?;
        assert_eq!(read(folder.path()), None);
        of("kubernetes.io~csi/pvc-1/mount")?;
        assert!(read(folder.path()).is_some_and(|(size, available)| size > 0 && available <= size));
        of("kubernetes.io~csi/pvc-2/mount")?;
        assert_eq!(read(folder.path()), None);
        Ok(())
    }
}
