//! Deletes files from the store: retired files that no query reads any more, and orphans of crashes in a shared store.

use chrono::{DateTime, TimeDelta, Utc};

use super::files::paths;
use crate::meta::database::statement;
use crate::meta::{Meta, explain};
use crate::model::LiveFile;
use crate::store::{PROBE, Store};

/// How long a file that is not in the catalog is left alone. It may be about to be registered, and clocks may differ by hours.
const ORPHAN_AFTER: TimeDelta = TimeDelta::hours(24);

/// Deletes retired files from the store and from the catalog.
pub(crate) async fn delete(meta: &Meta, store: &Store, files: &[LiveFile]) -> anyhow::Result<()> {
    for file in files {
        store.delete(&file.path()).await?;
        let forget = async {
            let mut transaction = meta.database().begin().await?;
            // A replica that has not seen the retirement yet reads the whole catalog again.
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

/// Deletes files of a shared store that are not in the catalog and too old to be part of running work.
pub(crate) async fn delete_orphans(meta: &Meta, store: &Store, now: DateTime<Utc>) -> anyhow::Result<u64> {
    // List first, then read the catalog: files registered in between are then known.
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
