//! Retention: days that are older than it leave the history, whole.
//!
//! A day goes when all of it is older, so no query sees half of one. Its files are retired like replaced ones, and deleted once no query
//! can be reading them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};

use crate::catalog::{self, LiveFile};
use crate::compaction::Compactor;
use crate::follow::next_version;
use crate::lease::Fence;
use crate::meta::explain;
use crate::snapshot::Change;
use crate::stats::Expiry;

/// Retires the files of days that ended before the retention began.
pub(crate) async fn expire(compactor: &Compactor, fence: Fence, retention: Duration, now: DateTime<Utc>) -> anyhow::Result<Expiry> {
    let _turn = compactor.turn.lock().await;
    let first_kept = TimeDelta::from_std(retention).ok().and_then(|retention| now.checked_sub_signed(retention));
    let Some(first_kept) = first_kept.map(|moment| moment.date_naive()) else {
        return Ok(Expiry::default());
    };
    let snapshot = compactor.present.snapshot();
    let files = snapshot.values().flat_map(|contents| contents.files.iter());
    let expired: Vec<&Arc<LiveFile>> = files.filter(|file| file.date < first_kept).collect();
    if expired.is_empty() {
        return Ok(Expiry::default());
    }
    let retire = async {
        let mut transaction = compactor.meta.database().begin().await.map_err(explain)?;
        let version = next_version(&mut transaction).await.map_err(explain)?;
        fence.check(&mut transaction).await?;
        for file in &expired {
            catalog::retire(&mut transaction, file.id, now, version).await.map_err(explain)?;
        }
        transaction.commit().await.map_err(explain)?;
        anyhow::Ok(version)
    };
    let version = retire.await.context("retire expired files")?;
    let done = Expiry {
        files: expired.len() as u64,
        rows: expired.iter().map(|file| file.rows).sum(),
        bytes: expired.iter().map(|file| file.bytes).sum(),
    };
    let retired: HashSet<i64> = expired.iter().map(|file| file.id).collect();
    compactor.follower.publish(version, Change { retired, ..Change::default() }).await?;
    Ok(done)
}
