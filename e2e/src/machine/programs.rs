//! Where programs are: the workspace's own binaries, programs of the system, and programs that a script of `scripts/` installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A binary of this workspace, beside the running test binary as `cargo build` leaves it. `E2E_<NAME>` names another file.
///
/// # Errors
/// If the binary was not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let variable = format!("E2E_{}", name.to_uppercase().replace('-', "_"));
    if let Some(path) = std::env::var_os(&variable) {
        return Ok(path.into());
    }
    let me = std::env::current_exe().context("find the running binary")?;
    let found = me.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built beside {}: run `cargo build --workspace --bins`, or set {variable}", me.display()))
}

/// A program of the system, also in the folders that Debian puts on root's PATH only.
///
/// # Errors
/// If the program is not installed.
pub fn installed(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not installed: run scripts/install/balancers.sh"))
}

/// The path that a script of `scripts/` prints.
///
/// # Errors
/// If the script fails; the error has its output.
pub fn script(name: &str) -> Result<PathBuf> {
    script_with(name, &[])
}

/// The path that a script of `scripts/` prints in its last line.
///
/// # Errors
/// If the script fails; the error has its output.
pub fn script_with(name: &str, arguments: &[&str]) -> Result<PathBuf> {
    let path = checkout().join("scripts").join(name);
    let output = Command::new(&path).args(arguments).output().with_context(|| format!("run {}", path.display()))?;
    if !output.status.success() {
        bail!("{} failed: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let printed = String::from_utf8(output.stdout).with_context(|| format!("read the output of {}", path.display()))?;
    Ok(printed.trim().lines().next_back().with_context(|| format!("{} printed no path", path.display()))?.into())
}

/// The folder of the package `e2e`, which holds npm's packages.
#[must_use]
pub fn e2e_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the workspace.
#[must_use]
pub fn checkout() -> &'static Path {
    e2e_folder().parent().unwrap_or(Path::new(".."))
}
