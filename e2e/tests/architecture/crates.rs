//! Dependencies point one way, and the collector stays small.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The crates that each of our crates may use. The collector and the server share only the views, the Kubernetes API and the TLS listener.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("pganalytics-views", &[]),
    ("pganalytics-tls", &[]),
    ("pganalytics-kubernetes", &[]),
    ("pganalytics-collector", &["pganalytics-kubernetes", "pganalytics-tls", "pganalytics-views"]),
    ("pganalytics-lake", &["pganalytics-views"]),
    ("pganalytics-server", &["pganalytics-kubernetes", "pganalytics-lake", "pganalytics-tls", "pganalytics-views"]),
    ("pganalytics", &["pganalytics-collector", "pganalytics-kubernetes", "pganalytics-lake", "pganalytics-server", "pganalytics-views"]),
    ("e2e", &["pganalytics-views"]),
    ("pganalytics-fleet", &["e2e"]),
    ("pganalytics-bench", &["e2e", "pganalytics-collector", "pganalytics-lake", "pganalytics-server", "pganalytics-views"]),
];

fn cargo(arguments: &[&str]) -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace's folder")?;
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root).output().context("run cargo")?;
    ensure!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn our_crates_depend_on_each_other_one_way() -> Result<()> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"])?)?;
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let packages = metadata["packages"].as_array().context("packages")?;
    assert_eq!(packages.len(), ALLOWED.len(), "a crate was added or removed: list it with the crates that it may use");
    for package in packages {
        let name = package["name"].as_str().context("a name")?;
        let allowed = allowed.get(name).with_context(|| format!("{name} is not in the list of crates"))?;
        let dependencies = package["dependencies"].as_array().context("dependencies")?;
        let ours =
            dependencies.iter().filter(|dependency| dependency["path"].is_string()).filter_map(|dependency| dependency["name"].as_str());
        for dependency in ours {
            assert!(allowed.contains(&dependency), "{name} must not depend on {dependency}");
        }
    }
    Ok(())
}

#[test]
fn the_collector_carries_neither_engine_nor_store() -> Result<()> {
    let tree =
        cargo(&["tree", "--offline", "--locked", "-p", "pganalytics-collector", "-e", "normal", "--prefix", "none", "--format", "{p}"])?;
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("tokio"), "cargo tree has no line with tokio: {tree}");
    for heavy in [
        "datafusion",
        "datafusion-common",
        "parquet",
        "object_store",
        "libsqlite3-sys",
        "sqlx-sqlite",
        "openssl",
        "native-tls",
        "aws-lc-sys",
    ] {
        assert!(
            !names.contains(heavy),
            "{heavy} is in the collector's tree: find the crate that needs it with `cargo tree -p pganalytics-collector -i {heavy}`"
        );
    }
    Ok(())
}
