//! Cleans a store of one process at the start, before anything reads it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use super::files;
use super::removal::delete;
use crate::meta::{FILE, Meta};
use crate::model::LiveFile;
use crate::store::{Store, UNFINISHED};

/// Deletes orphans of a crash in a store of one process, before anything reads it. Returns the last file id in use.
pub(crate) async fn clean(meta: &Meta, store: &Store) -> anyhow::Result<i64> {
    delete(meta, store, &files::retired(meta, DateTime::<Utc>::MAX_UTC).await?).await?;
    let live = files::live(meta).await?;
    let last_id = files::last_id(meta).await?;
    let Some(root) = store.root().map(Path::to_path_buf) else { return Ok(last_id) };
    // The rows of an orphan are still hot batches, so a collector is known. Without a known collector, these files belong to another meta.db.
    let is_new = last_id == 0 && meta.collectors().await?.is_empty();
    let swept =
        tokio::task::spawn_blocking(move || sweep(&root, &live, is_new)).await.context("cannot check the files of the history")??;
    for damage in &swept.damaged {
        tracing::error!(damage, "a file of the history is missing or damaged; queries that need it will fail");
    }
    if swept.orphans > 0 {
        tracing::info!(lake.orphans = swept.orphans, "deleted files that no catalog row names (left by a crash)");
    }
    Ok(last_id)
}

/// Deletes orphans: files that are not in the catalog. Reports live files that are missing or have another size.
///
/// # Errors
/// If the catalog is new but complete files exist: they belong to another history and are not orphans of a crash.
fn sweep(root: &Path, live: &[LiveFile], is_new: bool) -> anyhow::Result<Sweep> {
    let known: HashSet<PathBuf> = live.iter().map(|file| root.join(file.path())).collect();
    let mut swept = Sweep::default();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let path = entry.path();
            let kind = entry.file_type().with_context(|| format!("cannot read the type of {}", path.display()))?;
            let is_ours = path.extension().is_some_and(|extension| extension == "parquet" || extension == UNFINISHED);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_ours && !known.contains(&path) {
                if is_new && path.extension().is_some_and(|extension| extension == "parquet") {
                    anyhow::bail!(
                        "{} is a file of a history that {} does not contain; restore {FILE}, or move the folder {} away",
                        path.display(),
                        FILE,
                        root.display()
                    );
                }
                std::fs::remove_file(&path).with_context(|| format!("cannot delete the orphan {}", path.display()))?;
                swept.orphans += 1;
            }
        }
    }
    for file in live {
        let path = root.join(file.path());
        match std::fs::metadata(&path) {
            Ok(found) if found.len() == file.bytes => {}
            Ok(found) => {
                swept.damaged.push(format!("{} has {} bytes, but was written with {} bytes", path.display(), found.len(), file.bytes))
            }
            Err(error) => swept.damaged.push(format!("{}: {error}", path.display())),
        }
    }
    Ok(swept)
}

/// The result of [`sweep`].
#[derive(Debug, Default, PartialEq, Eq)]
struct Sweep {
    orphans: u64,
    damaged: Vec<String>,
}
