//! Hot batches in the meta store: rows as they arrived, kept until they are in files.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::meta::database::{Transaction, statement};
use crate::meta::{Meta, explain, micros};

/// A batch's id, the time of its receipt in microseconds, and its body.
pub(crate) type Batch = (i64, i64, Vec<u8>);

/// Stores a batch and returns its id.
pub(crate) async fn keep(transaction: &mut Transaction, version: i64, received: DateTime<Utc>, body: Bytes) -> Result<i64, sqlx::Error> {
    let insert = statement("insert into batches (version, received, body) values ($1, $2, $3) returning id");
    let (id,): (i64,) = transaction.one(insert.bind(version).bind(micros(received)).bind(body)).await?;
    Ok(id)
}

/// The next batches after an id that are newer than a version, in the order of their ids.
pub(crate) async fn since(transaction: &mut Transaction, version: i64, after: i64, limit: i64) -> anyhow::Result<Vec<Batch>> {
    let sql = "select id, received, body from batches where version > $1 and id > $2 order by id limit $3";
    transaction.all(statement(sql).bind(version).bind(after).bind(limit)).await.map_err(explain)
}

/// The next batches after an id, of any version, in the order of their ids.
pub(crate) async fn after(meta: &Meta, after: i64, limit: i64) -> anyhow::Result<Vec<Batch>> {
    let select = statement("select id, received, body from batches where id > $1 order by id limit $2").bind(after).bind(limit);
    meta.database().all(select).await.map_err(explain)
}

/// The id up to which batches are in files.
pub(crate) async fn compacted(meta: &Meta) -> anyhow::Result<i64> {
    let (compacted,): (i64,) = meta.database().one(statement("select compacted from history")).await.map_err(explain)?;
    Ok(compacted)
}

/// Deletes the batches up to an id and returns their number. They are in files from this commit on.
pub(crate) async fn remove(transaction: &mut Transaction, up_to: i64) -> anyhow::Result<u64> {
    let deleted = transaction.execute(statement("delete from batches where id <= $1").bind(up_to)).await.map_err(explain)?;
    transaction.execute(statement("update history set compacted = $1").bind(up_to)).await.map_err(explain)?;
    Ok(deleted)
}
