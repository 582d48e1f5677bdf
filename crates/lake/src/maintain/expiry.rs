//! Removes days from the history: whole days only, and only if no rollup still needs their rows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::compactor::Compactor;
use super::retention::retention;
use crate::catalog::{Fence, files, next_version};
use crate::meta::explain;
use crate::model::{Change, Expiry, LiveFile};

/// Retires the files of days that are older than their table's retention.
pub(crate) async fn expire(compactor: &Compactor, fence: Fence, raw: Duration, now: DateTime<Utc>) -> anyhow::Result<Expiry> {
    let _turn = compactor.tending.lock().await;
    let retention = retention(&compactor.meta, raw).await?;
    let shapes = &compactor.shapes;
    let mut expired: Vec<Arc<LiveFile>> = Vec::new();
    let snapshot = compactor.present.snapshot();
    for (table, contents) in &snapshot {
        let days = retention.of(table, shapes, |name| snapshot.get(name).is_some_and(|contents| !contents.files.is_empty()));
        let Some(first_kept) = first_kept(days, now) else { continue };
        // The rows of a damaged file cannot be rolled up, so the file does not wait for its rollup.
        let waits = |file: &LiveFile| {
            !file.rolled_up && !compactor.damaged.holds(file.id) && shapes.get(table).is_some_and(|shape| shapes.has_rollups(shape))
        };
        expired.extend(contents.files.iter().filter(|file| file.date < first_kept && !waits(file)).cloned());
    }
    if expired.is_empty() {
        return Ok(Expiry::default());
    }
    let retire = async {
        let mut transaction = compactor.meta.database().begin().await.map_err(explain)?;
        let version = next_version(&mut transaction).await.map_err(explain)?;
        fence.check(&mut transaction).await?;
        for file in &expired {
            files::retire(&mut transaction, compactor.meta.database().clock(), file.id, version).await.map_err(explain)?;
        }
        transaction.commit().await.map_err(explain)?;
        anyhow::Ok(version)
    };
    let version = retire.await.context("cannot retire expired files")?;
    let done = Expiry {
        files: expired.len() as u64,
        rows: expired.iter().map(|file| file.rows).sum(),
        bytes: expired.iter().map(|file| file.bytes).sum(),
    };
    compactor.damaged.remove(expired.iter().map(|file| file.id));
    let retired: HashSet<i64> = expired.iter().map(|file| file.id).collect();
    compactor.follower.publish(version, Change { retired, ..Change::default() }).await?;
    Ok(done)
}

/// The first day that is not completely older than the retention. `None` if the calendar does not reach that far back.
fn first_kept(days: u32, now: DateTime<Utc>) -> Option<NaiveDate> {
    now.checked_sub_signed(TimeDelta::days(i64::from(days))).map(|moment| moment.date_naive())
}
