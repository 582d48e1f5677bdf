//! Who compacts: what it works with, and the one transaction in which the history changes its form.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context as _;
use tokio::sync::Mutex;

use super::aside::Aside;
use crate::catalog::{Fence, batches, files, next_version};
use crate::meta::{Meta, explain};
use crate::model::{LiveFile, Shapes};
use crate::parquet::Files;
use crate::present::{Follower, Present};
use crate::store::Store;
use crate::threads::Threads;

/// Does the work: one writer of hot rows and one merge at a time.
#[derive(Debug)]
pub(crate) struct Compactor {
    pub(crate) store: Store,
    pub(crate) meta: Meta,
    pub(crate) follower: Arc<Follower>,
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) present: Arc<Present>,
    pub(crate) files: Files,
    /// The last id given to a file, where the store is this process's own. Ids are not used again within a process, and after a crash only
    /// once the orphans are gone; a shared store counts them itself.
    pub(crate) last_id: AtomicI64,
    /// Damaged files, which merging leaves alone.
    pub(crate) aside: Aside,
    /// Where all of it is computed.
    pub(crate) threads: Threads,
    /// Held by whoever writes hot rows.
    pub(crate) writing: Mutex<()>,
    /// Held by whoever takes files out of the history: a merge, retention.
    pub(crate) tending: Mutex<()>,
}

/// The hot batches that new files hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compacted {
    pub(crate) up_to: i64,
    /// How many they are.
    pub(crate) batches: u64,
}

impl Compactor {
    /// The one transaction in which the history changes its form; its version. Where it failed, the files that were added are deleted; but where
    /// only the answer to the commit is missing, they may be the history by now, and stay: they are live, or orphans.
    pub(crate) async fn commit(
        &self,
        fence: Fence,
        added: &[LiveFile],
        retired: &[Arc<LiveFile>],
        compacted: Option<Compacted>,
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
                anyhow::ensure!(was_live, "{} has left the history meanwhile; it is left as it is now", file.path());
            }
            if let Some(Compacted { up_to, batches: written }) = compacted {
                let deleted = batches::remove(&mut transaction, up_to).await?;
                anyhow::ensure!(deleted == written, "{deleted} batches wait up to {up_to}, {written} were written; they are kept");
            }
            anyhow::Ok((transaction, version))
        };
        let context = "change the catalog of files";
        let (transaction, version) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                self.discard(added).await;
                return Err(error).context(context);
            }
        };
        if let Err(error) = transaction.commit().await {
            // A file's own database says what it did; another process may have committed and died, or its answer is lost.
            if !self.meta.database().is_shared() && matches!(error, sqlx::Error::Database(_)) {
                self.discard(added).await;
            }
            return Err(explain(error)).context(context);
        }
        Ok(version)
    }

    /// Removes files that will not be live after all; what is left is removed as an orphan.
    pub(crate) async fn discard(&self, files: &[LiveFile]) {
        for file in files {
            if let Err(error) = self.store.delete(&file.path()).await {
                tracing::debug!(error = format!("{error:#}"), "leave an orphan");
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
