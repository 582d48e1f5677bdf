//! Finds what the tests drive: the PostgreSQL servers that `npm ci` put into `e2e/node_modules`, and our own built binaries.
//!
//! npm packages carry no symbolic links, so each server comes with a list of them (`pg-symlinks.json`), restored here. And
//! where we are root the server runs as another user, who may not be able to enter the checkout: so each server is linked (or
//! copied) once into a cache that everyone can read, `$TMPDIR/pganalytics-e2e-<uid>/`, beside a fresh data folder as `initdb`
//! leaves it, from which a new server starts in tenths of a second.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::machine::process::{self, Spec, UNPRIVILEGED, is_root};

/// The major versions that are tested.
pub const MAJORS: [u32; 5] = [14, 15, 16, 17, 18];

/// One version's programs and its data folder as new.
#[derive(Debug, Clone)]
pub struct Installation {
    pub major: u32,
    /// Holds bin, lib and share.
    pub programs: PathBuf,
    /// A data folder as `initdb` left it; superuser `postgres`, locale C, UTF-8.
    pub template: PathBuf,
}

impl Installation {
    /// Finds the version, and prepares it the first time.
    ///
    /// # Errors
    /// When npm has not installed it, or initdb fails.
    pub fn find(major: u32) -> Result<Self> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let package = package(major)?;
        let about = fs::read(package.join("package.json")).with_context(|| format!("read {}/package.json", package.display()))?;
        let about: Value = serde_json::from_slice(&about).context("read the package's description")?;
        let version = about["version"].as_str().context("a version in the package's description")?;
        let cache = cache()?;
        let programs = once(&cache.join(format!("pg-{version}")), |folder| link_programs(&package, folder))?;
        let template = once(&cache.join(format!("data-{version}")), |folder| initdb(&programs, folder))?;
        Ok(Self { major, programs, template })
    }

    /// The path of one of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join("bin").join(name)
    }
}

/// A binary of this workspace, as `cargo build` left it beside the running one.
///
/// # Errors
/// When it was not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let variable = format!("E2E_{}", name.to_uppercase().replace('-', "_"));
    if let Some(path) = std::env::var_os(&variable) {
        return Ok(path.into());
    }
    let me = std::env::current_exe().context("find the running binary")?;
    let found = me.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built beside {}: run `cargo build --workspace --bins`, or set {variable}", me.display()))
}

/// The folder of the package `e2e`, where npm installs.
#[must_use]
pub fn e2e_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Copies a folder with its modes; owned by whoever will run PostgreSQL.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    walk(from, to, &mut |from, to| {
        fs::copy(from, to).with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
        give_away(to)
    })?;
    give_away_folders(to)
}

/// Makes the unprivileged user the owner, where we are root.
///
/// # Errors
/// When the system refuses.
pub fn give_away(path: &Path) -> Result<()> {
    if is_root() {
        chown(path, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).with_context(|| format!("change the owner of {}", path.display()))?;
    }
    Ok(())
}

fn package(major: u32) -> Result<PathBuf> {
    let names: &[&str] = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => &["pg{}"],
        ("linux", "aarch64") => &["pg{}-linux-arm64"],
        ("macos", "aarch64") => &["pg{}-darwin-arm64"],
        (os, arch) => bail!("there is no PostgreSQL for tests on {os} {arch}: run them on Linux x86-64"),
    };
    let modules = e2e_folder().join("node_modules");
    let name = names[0].replace("{}", &major.to_string());
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
        bail!("{} is not a folder of ours: remove it, or set TMPDIR to another folder", cache.display());
    }
    Ok(cache)
}

/// Makes `folder` whole or not at all, whoever else does the same at the same time.
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

/// Visits every file, creating the folders on the other side with the same modes; existing links are followed.
fn walk(from: &Path, to: &Path, file: &mut impl FnMut(&Path, &Path) -> Result<()>) -> Result<()> {
    if !to.exists() {
        fs::create_dir(to).with_context(|| format!("create {}", to.display()))?;
    }
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry.with_context(|| format!("read {}", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            walk(&source, &target, file)?;
        } else {
            file(&source, &target)?;
        }
    }
    let mode = fs::metadata(from).with_context(|| format!("read {}", from.display()))?.permissions();
    fs::set_permissions(to, mode).with_context(|| format!("set the mode of {}", to.display()))
}

fn give_away_folders(folder: &Path) -> Result<()> {
    give_away(folder)?;
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry.with_context(|| format!("read {}", folder.display()))?.path();
        if path.is_dir() {
            give_away_folders(&path)?;
        }
    }
    Ok(())
}
