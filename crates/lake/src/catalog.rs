//! The catalog: which Parquet files are the history.
//!
//! # Promise
//! A file is live from the commit that registers it until the commit that retires it, and it is complete and on disk before the first.
//! A retired file stays on disk until no query can still be reading it. Whatever else lies in the folder is an orphan of a crash.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::meta::{FILE, Meta, explain, micros, time};
use crate::rows::Extent;

/// The folder of the Parquet files within the data folder.
pub(crate) const FOLDER: &str = "lake";
/// What a file is called until it is complete.
pub(crate) const UNFINISHED: &str = "tmp";

/// A Parquet file that is, or is about to be, live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveFile {
    pub(crate) id: i64,
    pub(crate) view: String,
    pub(crate) date: NaiveDate,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Of the whole file, so that damage can be told from a mistake of ours.
    pub(crate) crc32: u32,
    pub(crate) extent: Extent,
    pub(crate) created: DateTime<Utc>,
    /// Its rows are in the rollups' files too, or its table has no rollups. A new file's are not until it is first merged.
    pub(crate) rolled_up: bool,
}

impl LiveFile {
    /// Its path below the `lake` folder, as the object store and every Hive-style reader know it.
    pub(crate) fn path(&self) -> String {
        path(&self.view, self.date, self.id)
    }
}

/// The path of a file below the `lake` folder.
pub(crate) fn path(view: &str, date: NaiveDate, id: i64) -> String {
    format!("table={view}/date={date}/{id}.parquet")
}

const COLUMNS: &str = "id, view, date, rows, bytes, crc32, min_ts, max_ts, min_server, max_server, created, rolled_up";

/// All live files.
pub(crate) async fn live(meta: &Meta) -> anyhow::Result<Vec<LiveFile>> {
    let sql = format!("select {COLUMNS} from files where retired is null order by view, date, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(meta.readers()).await.map_err(explain)?;
    rows.iter().map(file).collect()
}

/// Retired files that were retired before a moment.
pub(crate) async fn retired(meta: &Meta, before: DateTime<Utc>) -> anyhow::Result<Vec<LiveFile>> {
    let sql = format!("select {COLUMNS} from files where retired < ?1 order by id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(micros(before)).fetch_all(meta.readers()).await.map_err(explain)?;
    rows.iter().map(file).collect()
}

/// The highest id that was ever given.
pub(crate) async fn last_id(meta: &Meta) -> anyhow::Result<i64> {
    let sql = "select coalesce((select seq from sqlite_sequence where name = 'files'), 0)";
    sqlx::query_scalar(sql).fetch_one(meta.readers()).await.map_err(explain)
}

/// Makes a file live.
pub(crate) async fn register(connection: &mut SqliteConnection, file: &LiveFile) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into files (id, view, date, rows, bytes, crc32, min_ts, max_ts, min_server, max_server, created, rolled_up)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )
    .bind(file.id)
    .bind(&file.view)
    .bind(file.date.to_string())
    .bind(file.rows.cast_signed())
    .bind(file.bytes.cast_signed())
    .bind(i64::from(file.crc32))
    .bind(file.extent.min_ts)
    .bind(file.extent.max_ts)
    .bind(&file.extent.min_server)
    .bind(&file.extent.max_server)
    .bind(micros(file.created))
    .bind(file.rolled_up)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a file out of the history; it stays on disk for now.
pub(crate) async fn retire(connection: &mut SqliteConnection, id: i64, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("update files set retired = ?2 where id = ?1").bind(id).bind(micros(now)).execute(connection).await?;
    Ok(())
}

/// Deletes retired files and forgets them.
pub(crate) async fn delete(meta: &Meta, folder: &Path, files: &[LiveFile]) -> anyhow::Result<()> {
    for file in files {
        let path = folder.join(FOLDER).join(file.path());
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("delete the replaced file {}", path.display()));
            }
            _ => {}
        }
        if let Some(date) = path.parent() {
            // Fails while other files are in it, as it should.
            let _ = tokio::fs::remove_dir(date).await;
        }
        sqlx::query("delete from files where id = ?1 and retired is not null")
            .bind(file.id)
            .execute(meta.writer())
            .await
            .map_err(explain)?;
    }
    Ok(())
}

/// Deletes what a crash left: files that are not in the catalog. Says which live files are missing or of another size.
///
/// # Errors
/// When a new catalog meets complete files: they are somebody's history, and not a crash's.
pub(crate) fn sweep(folder: &Path, live: &[LiveFile], is_new: bool) -> anyhow::Result<Sweep> {
    let root = folder.join(FOLDER);
    let known: HashSet<PathBuf> = live.iter().map(|file| root.join(file.path())).collect();
    let mut swept = Sweep::default();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("list {}", folder.display()))?;
            let path = entry.path();
            let kind = entry.file_type().with_context(|| format!("look at {}", path.display()))?;
            let is_ours = path.extension().is_some_and(|extension| extension == "parquet" || extension == UNFINISHED);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_ours && !known.contains(&path) {
                if is_new && path.extension().is_some_and(|extension| extension == "parquet") {
                    anyhow::bail!(
                        "{} is a file of a history that {} knows nothing of; restore {FILE}, or move the folder {} away",
                        path.display(),
                        FILE,
                        root.display()
                    );
                }
                std::fs::remove_file(&path).with_context(|| format!("delete the orphan {}", path.display()))?;
                swept.orphans += 1;
            }
        }
    }
    for file in live {
        let path = root.join(file.path());
        match std::fs::metadata(&path) {
            Ok(found) if found.len() == file.bytes => {}
            Ok(found) => swept.damaged.push(format!("{} has {} bytes, and was written with {}", path.display(), found.len(), file.bytes)),
            Err(error) => swept.damaged.push(format!("{}: {error}", path.display())),
        }
    }
    Ok(swept)
}

/// What [`sweep`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sweep {
    pub(crate) orphans: u64,
    pub(crate) damaged: Vec<String>,
}

fn file(row: &SqliteRow) -> anyhow::Result<LiveFile> {
    let date: String = row.try_get("date")?;
    Ok(LiveFile {
        id: row.try_get("id")?,
        view: row.try_get("view")?,
        date: date.parse().with_context(|| format!("the catalog's date '{date}'"))?,
        rows: row.try_get::<i64, _>("rows")?.unsigned_abs(),
        bytes: row.try_get::<i64, _>("bytes")?.unsigned_abs(),
        crc32: u32::try_from(row.try_get::<i64, _>("crc32")?).unwrap_or_default(),
        extent: Extent {
            min_ts: row.try_get("min_ts")?,
            max_ts: row.try_get("max_ts")?,
            min_server: row.try_get("min_server")?,
            max_server: row.try_get("max_server")?,
        },
        created: time(row.try_get("created")?),
        rolled_up: row.try_get("rolled_up")?,
    })
}
