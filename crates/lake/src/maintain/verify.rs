//! Whether the history is whole: the catalog, the files, their sums, and the hot batches. It changes nothing, and may run beside backends.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt as _;
use pganalytics_views::ViewSet;
use serde::Serialize;

use super::file_check::{Depth, look};
use crate::catalog::{batches, files};
use crate::decode::decode_known;
use crate::meta::Meta;
use crate::model::Shapes;
use crate::store::{Listed, Store};

/// Files read at once: enough to keep a disk or an object store busy, and few megabytes of memory.
const AT_ONCE: usize = 4;
/// Hot batches read at once.
const BATCHES_AT_ONCE: i64 = 64;

/// What a look at a lake found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Live files.
    pub files: u64,
    /// Their rows, by the catalog.
    pub rows: u64,
    /// Their bytes, by the catalog.
    pub bytes: u64,
    /// Batches that are not in files yet.
    pub hot_batches: u64,
    /// Files that no catalog names: what a crash or a running compaction leaves. They do no harm, and are deleted after a day.
    pub orphans: u64,
    /// What is wrong, each with the place and what to do. Empty where all is well.
    pub problems: Vec<String>,
}

/// Looks through a lake. `looked_at` is told the number of files done and of all, now and then.
///
/// # Errors
/// When the meta store or the list of files cannot be read: then nothing is known. What is wrong with a file is no error but a problem.
pub(crate) async fn verify(
    meta: &Meta,
    store: &Store,
    views: &ViewSet,
    depth: Depth,
    looked_at: impl Fn(u64, u64),
) -> anyhow::Result<Verified> {
    let shapes = Arc::new(Shapes::new(views));
    // Listed first: what is registered meanwhile is in neither, and what is retired meanwhile is looked up again.
    let listed: HashMap<String, Listed> = store.list().await?.into_iter().map(|file| (file.path.clone(), file)).collect();
    let live = files::live(meta).await?;
    let mut verified = Verified { files: live.len() as u64, ..Verified::default() };
    for file in &live {
        verified.rows += file.rows;
        verified.bytes += file.bytes;
    }
    let named = files::paths(meta).await?;
    let is_file = |path: &str| path.starts_with("table=") && path.ends_with(".parquet");
    verified.orphans = listed.keys().filter(|path| is_file(path) && !named.contains(*path)).count() as u64;

    let mut looks = futures::stream::iter(&live)
        .map(|file| {
            let (listed, shapes) = (listed.get(&file.path()), &shapes);
            async move { (file, look(store, file, listed, shapes, depth).await) }
        })
        .buffer_unordered(AT_ONCE);
    let mut done = 0;
    while let Some((file, looked)) = looks.next().await {
        done += 1;
        looked_at(done, verified.files);
        if let Err(problem) = looked
            // Compaction may have replaced it, and deleted it, since the catalog was read.
            && files::is_live(meta, file.id).await?
        {
            verified.problems.push(format!(
                "{}: {problem:#}; restore it from a backup, or give its {} rows up: delete from files where id = {}",
                store.shown(&file.path()),
                file.rows,
                file.id
            ));
        }
    }
    drop(looks);
    hot_batches(meta, &shapes, &mut verified).await?;
    verified.problems.sort_unstable();
    Ok(verified)
}

/// The batches that are not in files yet.
async fn hot_batches(meta: &Meta, shapes: &Arc<Shapes>, verified: &mut Verified) -> anyhow::Result<()> {
    let mut after = batches::compacted(meta).await?;
    loop {
        let rows = batches::after(meta, after, BATCHES_AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (id, body) in rows {
            verified.hot_batches += 1;
            let shapes = Arc::clone(shapes);
            let decoded = tokio::task::spawn_blocking(move || decode_known(id, &body, &shapes)).await.context("decode a batch")?;
            if let Err(problem) = decoded {
                verified.problems.push(format!(
                    "batch {id} in the meta store is damaged ({problem:#}): restore it, or give it up: delete from batches where id = {id}"
                ));
            }
        }
    }
}
