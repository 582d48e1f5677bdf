//! The catalog: which Parquet files are the history.
//!
//! # Promise
//! A file is live from the commit that registers it until the commit that retires it. It is complete and durable before the first of these.
//! A retired file stays in the store until no query can read it any more. Any other file in the store is an orphan of a crash.

use std::collections::HashSet;

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use crate::meta::database::{Statement, Transaction, statement};
use crate::meta::{Meta, explain, micros, time};
use crate::model::{Extent, LiveFile, path};

const COLUMNS: &str = "id, view, date, rows, bytes, crc32, min_ts, max_ts, min_server, max_server, created, rolled_up";

/// A statement that selects all columns of files.
fn select(rest: &str) -> Statement {
    statement(sqlx::AssertSqlSafe(format!("select {COLUMNS} from files {rest}")))
}

/// Live files that were added after a version of the history.
pub(crate) async fn added_since(transaction: &mut Transaction, version: i64) -> anyhow::Result<Vec<LiveFile>> {
    let sql = "where added_version > $1 and retired is null order by view, date, id";
    let rows: Vec<Row> = transaction.all(select(sql).bind(version)).await.map_err(explain)?;
    rows.into_iter().map(Row::file).collect()
}

/// Files that were retired after a version of the history.
pub(crate) async fn retired_since(transaction: &mut Transaction, version: i64) -> anyhow::Result<HashSet<i64>> {
    let sql = "select id from files where retired_version > $1";
    let rows: Vec<(i64,)> = transaction.all(statement(sql).bind(version)).await.map_err(explain)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// All live files.
pub(crate) async fn live(meta: &Meta) -> anyhow::Result<Vec<LiveFile>> {
    let rows: Vec<Row> = meta.database().all(select("where retired is null order by view, date, id")).await.map_err(explain)?;
    rows.into_iter().map(Row::file).collect()
}

/// The paths of all files in the catalog, retired files included.
pub(crate) async fn paths(meta: &Meta) -> anyhow::Result<HashSet<String>> {
    let rows: Vec<(i64, String, String)> = meta.database().all(statement("select id, view, date from files")).await.map_err(explain)?;
    let path = |(id, view, date): (i64, String, String)| {
        Ok(path(&view, date.parse().with_context(|| format!("the catalog's date '{date}'"))?, id))
    };
    rows.into_iter().map(path).collect()
}

/// Whether a file is live now.
pub(crate) async fn is_live(meta: &Meta, id: i64) -> anyhow::Result<bool> {
    let select = statement("select id from files where id = $1 and retired is null").bind(id);
    let found: Option<(i64,)> = meta.database().optional(select).await.map_err(explain)?;
    Ok(found.is_some())
}

/// The files that were retired before a time.
pub(crate) async fn retired(meta: &Meta, before: DateTime<Utc>) -> anyhow::Result<Vec<LiveFile>> {
    let rows: Vec<Row> = meta.database().all(select("where retired < $1 order by id").bind(micros(before))).await.map_err(explain)?;
    rows.into_iter().map(Row::file).collect()
}

/// The highest file id ever used in a store of one process.
pub(crate) async fn last_id(meta: &Meta) -> anyhow::Result<i64> {
    let sql = "select coalesce((select seq from sqlite_sequence where name = 'files'), 0)";
    let (last,): (i64,) = meta.database().one(statement(sql)).await.map_err(explain)?;
    Ok(last)
}

/// A new file id, unique in a shared store.
pub(crate) async fn shared_id(meta: &Meta) -> anyhow::Result<i64> {
    let (id,): (i64,) = meta.database().one(statement("select nextval('file_ids')")).await.map_err(explain)?;
    Ok(id)
}

/// Makes a file live.
pub(crate) async fn register(transaction: &mut Transaction, file: &LiveFile, version: i64) -> Result<(), sqlx::Error> {
    let insert = statement(
        "insert into files (id, view, date, rows, bytes, crc32, min_ts, max_ts, min_server, max_server, created, rolled_up, added_version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    );
    let insert = insert.bind(file.id).bind(file.view.as_str()).bind(file.date.to_string());
    let insert = insert.bind(file.rows.cast_signed()).bind(file.bytes.cast_signed()).bind(i64::from(file.crc32));
    let insert = insert.bind(file.extent.min_ts).bind(file.extent.max_ts);
    let insert = insert.bind(file.extent.min_server.as_str()).bind(file.extent.max_server.as_str());
    transaction.execute(insert.bind(micros(file.created)).bind(file.rolled_up).bind(version)).await?;
    Ok(())
}

/// Retires a file. The file stays in the store for now. False if it is retired already.
///
/// Its grace counts from this moment by the store's clock, however long ago the work began that replaces the file: a query may have opened the
/// file a moment ago.
pub(crate) async fn retire(transaction: &mut Transaction, clock: &str, id: i64, version: i64) -> Result<bool, sqlx::Error> {
    let update = sqlx::AssertSqlSafe(format!("update files set retired = {clock}, retired_version = $2 where id = $1 and retired is null"));
    Ok(transaction.execute(statement(update).bind(id).bind(version)).await? > 0)
}

/// A row of the catalog.
#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    view: String,
    date: String,
    rows: i64,
    bytes: i64,
    crc32: i64,
    min_ts: i64,
    max_ts: i64,
    min_server: String,
    max_server: String,
    created: i64,
    rolled_up: bool,
}

impl Row {
    fn file(self) -> anyhow::Result<LiveFile> {
        Ok(LiveFile {
            id: self.id,
            view: self.view,
            date: self.date.parse().with_context(|| format!("the catalog's date '{}'", self.date))?,
            rows: self.rows.unsigned_abs(),
            bytes: self.bytes.unsigned_abs(),
            crc32: u32::try_from(self.crc32).unwrap_or_default(),
            extent: Extent { min_ts: self.min_ts, max_ts: self.max_ts, min_server: self.min_server, max_server: self.max_server },
            created: time(self.created),
            rolled_up: self.rolled_up,
        })
    }
}
