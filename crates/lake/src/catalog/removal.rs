//! How files leave the store: retired ones once nobody reads them, and what crashes left in a shared store.

use chrono::{DateTime, TimeDelta, Utc};

use super::files::paths;
use crate::meta::database::statement;
use crate::meta::{Meta, explain};
use crate::model::LiveFile;
use crate::store::{PROBE, Store};

/// A file that no catalog names is left alone this long: it may be about to be registered, and clocks may differ by hours.
const ORPHAN_AFTER: TimeDelta = TimeDelta::hours(24);

/// Deletes retired files and forgets them.
pub(crate) async fn delete(meta: &Meta, store: &Store, files: &[LiveFile]) -> anyhow::Result<()> {
    for file in files {
        store.delete(&file.path()).await?;
        let forget = async {
            let mut transaction = meta.database().begin().await?;
            // Who has not seen the retirement yet reads the whole catalog anew.
            let purged = "update history set purged = (select coalesce(max(retired_version), 0) from files where id = $1) \
                          where purged < (select coalesce(max(retired_version), 0) from files where id = $1)";
            transaction.execute(statement(purged).bind(file.id)).await?;
            transaction.execute(statement("delete from files where id = $1 and retired is not null").bind(file.id)).await?;
            transaction.commit().await
        };
        forget.await.map_err(explain)?;
    }
    Ok(())
}

/// Deletes from a shared store what no catalog names and is old enough to be nobody's work.
pub(crate) async fn delete_orphans(meta: &Meta, store: &Store, now: DateTime<Utc>) -> anyhow::Result<u64> {
    // Listed before the catalog is read: what is registered meanwhile is then known.
    let listed = store.list().await?;
    let known = paths(meta).await?;
    let mut orphans = 0;
    for file in listed {
        let is_ours = file.path.starts_with("table=") || file.path.starts_with(PROBE);
        if is_ours && !known.contains(&file.path) && file.modified < now - ORPHAN_AFTER {
            store.delete(&file.path).await?;
            orphans += 1;
        }
    }
    Ok(orphans)
}
