//! Verifies that the history is complete: the catalog, the files, their checksums and the hot batches. Verification changes nothing and may
//! run while backends are running.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt as _;
use pganalytics_views::ViewSet;
use serde::Serialize;

use super::file_check::{Depth, check_file};
use crate::catalog::{batches, files};
use crate::decode::decode_stored;
use crate::meta::Meta;
use crate::model::Shapes;
use crate::store::{Listed, Store};

/// Files read at once: enough to keep a disk or an object store busy, within a few megabytes of memory.
const AT_ONCE: usize = 4;
/// Hot batches read at once.
const BATCHES_AT_ONCE: i64 = 64;

/// The result of verifying a lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The number of live files.
    pub files: u64,
    /// The rows of the live files, as recorded in the catalog.
    pub rows: u64,
    /// The bytes of the live files, as recorded in the catalog.
    pub bytes: u64,
    /// The number of batches whose rows are in no file yet.
    pub hot_batches: u64,
    /// The number of Parquet files that the catalog does not name. A crash or a running compaction leaves them. They do no harm and are
    /// deleted after a day.
    pub orphans: u64,
    /// The problems, each with its place and its remedy. Empty if there are none.
    pub problems: Vec<String>,
}

/// Verifies a lake. Calls `looked_at` after each file with the number of files done and the number of all files.
///
/// # Errors
/// If the meta store or the list of files cannot be read. A damaged file is not an error: it is listed in [`Verified::problems`].
pub(crate) async fn verify(
    meta: &Meta,
    store: &Store,
    views: &ViewSet,
    depth: Depth,
    looked_at: impl Fn(u64, u64),
) -> anyhow::Result<Verified> {
    let shapes = Arc::new(Shapes::new(views));
    // The catalog is read before the store is listed: a file that is in the catalog is in the store. Files that leave the catalog meanwhile are looked
    // up again below.
    let live = files::live(meta).await?;
    let listed: HashMap<String, Listed> = store.list().await?.into_iter().map(|file| (file.path.clone(), file)).collect();
    let mut verified = Verified { files: live.len() as u64, ..Verified::default() };
    for file in &live {
        verified.rows += file.rows;
        verified.bytes += file.bytes;
    }
    // Read after the listing: a file that was registered meanwhile is no orphan.
    let named = files::paths(meta).await?;
    let is_file = |path: &str| path.starts_with("table=") && path.ends_with(".parquet");
    verified.orphans = listed.keys().filter(|path| is_file(path) && !named.contains(*path)).count() as u64;

    let mut looks = futures::stream::iter(&live)
        .map(|file| {
            let listed = listed.get(&file.path());
            async move { (file, check_file(store, file, listed, depth).await) }
        })
        .buffer_unordered(AT_ONCE);
    let mut done = 0;
    while let Some((file, looked)) = looks.next().await {
        done += 1;
        looked_at(done, verified.files);
        if let Err(problem) = looked
            // Compaction may have replaced and deleted the file since the catalog was read.
            && files::is_live(meta, file.id).await?
        {
            verified.problems.push(format!(
                "{}: {problem:#}; restore it from a backup, or give up its {} rows: delete from files where id = {}",
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

/// Verifies the batches that are in no file yet.
async fn hot_batches(meta: &Meta, shapes: &Arc<Shapes>, verified: &mut Verified) -> anyhow::Result<()> {
    let mut after = batches::compacted(meta).await?;
    loop {
        let rows = batches::after(meta, after, BATCHES_AT_ONCE).await?;
        let Some((last, ..)) = rows.last() else { return Ok(()) };
        after = *last;
        for (id, received, body) in rows {
            verified.hot_batches += 1;
            let shapes = Arc::clone(shapes);
            let decoded =
                tokio::task::spawn_blocking(move || decode_stored(id, received, &body, &shapes)).await.context("cannot decode a batch")?;
            if let Err(problem) = decoded {
                verified.problems.push(format!(
                    "batch {id} in the meta store is damaged ({problem:#}): restore it, or give up its rows: delete from batches where id \
                     = {id}"
                ));
            }
        }
    }
}
