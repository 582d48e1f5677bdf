//! The compactor's state, and the transaction in which files are added to the history and retired from it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use anyhow::Context as _;
use tokio::sync::Mutex;

use super::damaged::DamagedFiles;
use crate::catalog::set_aside::SetAside;
use crate::catalog::{Fence, batches, files, next_version, set_aside};
use crate::meta::{Meta, explain};
use crate::model::{LiveFile, Shapes};
use crate::parquet::Files;
use crate::present::{Follower, Present};
use crate::store::Store;
use crate::threads::Threads;

/// Writes hot rows and merges files. At most one write and one merge run at a time.
#[derive(Debug)]
pub(crate) struct Compactor {
    pub(crate) store: Store,
    pub(crate) meta: Meta,
    pub(crate) follower: Arc<Follower>,
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) present: Arc<Present>,
    pub(crate) files: Files,
    /// The last id given to a file, if the store belongs to this process alone. Ids are not reused within a process; after a crash they are
    /// reused only after the orphans were deleted. A shared store counts the ids itself.
    pub(crate) last_id: AtomicI64,
    /// Damaged files, which merging skips.
    pub(crate) damaged: DamagedFiles,
    /// Files with columns that are unknown here. Merging leaves them to a backend that knows the columns.
    pub(crate) foreign: std::sync::Mutex<HashSet<i64>>,
    /// Whether the last hot rows had parts that are unknown here. Another replica may know them.
    pub(crate) met_unknown: AtomicBool,
    /// The threads that compaction runs on.
    pub(crate) threads: Threads,
    /// Held while hot rows are written.
    pub(crate) writing: Mutex<()>,
    /// Held while files are retired from the history, by a merge or by retention.
    pub(crate) tending: Mutex<()>,
}

/// The batches whose rows new files hold.
#[derive(Debug)]
pub(crate) struct Compacted {
    pub(crate) up_to: i64,
    /// The number of batches.
    pub(crate) batches: u64,
    /// Rows of these batches that no file holds, because their views are unknown here.
    pub(crate) set_aside: Vec<SetAside>,
}

impl Compactor {
    /// Adds files, retires files and removes compacted batches in one transaction, and returns its version. If the transaction fails, the
    /// added files are deleted. If only the answer to the commit is missing, the transaction may have been committed, so the added files
    /// stay: they are either live or orphans.
    pub(crate) async fn commit(
        &self,
        fence: Fence,
        added: &[LiveFile],
        retired: &[Arc<LiveFile>],
        compacted: Option<&Compacted>,
    ) -> anyhow::Result<i64> {
        let begun = async {
            let mut transaction = self.meta.database().begin().await.map_err(explain)?;
            let version = next_version(&mut transaction).await.map_err(explain)?;
            fence.check(&mut transaction).await?;
            for file in added {
                files::register(&mut transaction, file, version).await.map_err(explain)?;
            }
            for file in retired {
                let was_live = files::retire(&mut transaction, self.meta.database().clock(), file.id, version).await.map_err(explain)?;
                anyhow::ensure!(was_live, "{} is no longer in the history; the history is unchanged", file.path());
            }
            if let Some(Compacted { up_to, batches: written, set_aside }) = compacted {
                let deleted = batches::remove(&mut transaction, *up_to).await?;
                anyhow::ensure!(
                    deleted == *written,
                    "{deleted} batches wait up to id {up_to}, but {written} were written to files; the batches are kept"
                );
                if !set_aside.is_empty() {
                    let dropped = set_aside::keep(&mut transaction, set_aside).await.map_err(explain)?;
                    if dropped > 0 {
                        tracing::warn!(
                            dropped.rows = dropped,
                            "rows of views that are unknown here were dropped, because too many are set aside: upgrade the backend, or give it the \
                             same folder of views as the collectors"
                        );
                    }
                }
            }
            anyhow::Ok((transaction, version))
        };
        let context = "cannot change the catalog of files";
        let (transaction, version) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                self.discard(added).await;
                return Err(error).context(context);
            }
        };
        if let Err(error) = transaction.commit().await {
            // An error from SQLite means that nothing was committed. A shared server may have committed before its answer was lost.
            if !self.meta.database().is_shared() && matches!(error, sqlx::Error::Database(_)) {
                self.discard(added).await;
            }
            return Err(explain(error)).context(context);
        }
        Ok(version)
    }

    /// Deletes files that will not become live. A file that cannot be deleted is removed later as an orphan.
    pub(crate) async fn discard(&self, files: &[LiveFile]) {
        for file in files {
            if let Err(error) = self.store.delete(&file.path()).await {
                tracing::debug!(error = format!("{error:#}"), "cannot delete an unused file");
            }
        }
    }

    pub(crate) async fn next_id(&self) -> anyhow::Result<i64> {
        match self.meta.database().is_shared() {
            true => files::shared_id(&self.meta).await,
            false => Ok(self.last_id.fetch_add(1, Ordering::Relaxed) + 1),
        }
    }
}
