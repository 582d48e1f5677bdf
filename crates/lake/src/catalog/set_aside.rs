//! Rows of views that the holder of the lease does not know, set aside for a backend that knows the views.
//!
//! # Promise
//! The rows leave the hot batches and are set aside in one transaction, and return as a batch in one transaction. So each row exists once. The table is
//! bounded: beyond [`CAP`] the oldest rows are dropped, counted and logged.

use anyhow::Context as _;
use bytes::Bytes;

use super::history::next_version;
use crate::meta::database::{Transaction, statement};
use crate::meta::{Meta, explain};

/// The most bytes that are set aside: days of a new view of a large fleet, and little for a disk.
const CAP: i64 = 256 << 20;

/// The rows of one view of one batch.
#[derive(Debug)]
pub(crate) struct SetAside {
    pub(crate) view: String,
    /// The time of the receipt, in microseconds.
    pub(crate) received_us: i64,
    pub(crate) rows: u64,
    /// A batch with these rows alone.
    pub(crate) body: Bytes,
}

/// Sets rows aside. Returns the number of older rows that were dropped for them.
pub(crate) async fn keep(transaction: &mut Transaction, parts: &[SetAside]) -> Result<u64, sqlx::Error> {
    for part in parts {
        let insert = statement("insert into set_aside (view, received, rows, bytes, body) values ($1, $2, $3, $4, $5)");
        let insert = insert.bind(part.view.as_str()).bind(part.received_us).bind(part.rows.cast_signed());
        transaction.execute(insert.bind(i64::try_from(part.body.len()).unwrap_or(i64::MAX)).bind(part.body.clone())).await?;
    }
    let drop = statement(
        "delete from set_aside where id in (
             select id from (select id, sum(bytes) over (order by id desc) as total from set_aside) as newest where total > $1)
         returning rows",
    );
    let dropped: Vec<(i64,)> = transaction.all(drop.bind(CAP)).await?;
    Ok(dropped.into_iter().map(|(rows,)| rows.unsigned_abs()).sum())
}

/// Makes batches of the rows whose views are known, and returns their number of rows.
pub(crate) async fn take_back(meta: &Meta, is_known: impl Fn(&str) -> bool) -> anyhow::Result<u64> {
    let views: Vec<(String,)> = meta.database().all(statement("select distinct view from set_aside")).await.map_err(explain)?;
    let known: Vec<String> = views.into_iter().map(|(view,)| view).filter(|view| is_known(view)).collect();
    if known.is_empty() {
        return Ok(0);
    }
    let moved = async {
        let mut transaction = meta.database().begin().await?;
        // Locks the history first, as every change does.
        let version = next_version(&mut transaction).await?;
        let mut rows = 0;
        for view in known {
            let insert =
                "insert into batches (version, received, body) select $2, received, body from set_aside where view = $1 order by id";
            transaction.execute(statement(insert).bind(view.as_str()).bind(version)).await?;
            let delete = statement("delete from set_aside where view = $1 returning rows").bind(view);
            let gone: Vec<(i64,)> = transaction.all(delete).await?;
            rows += gone.into_iter().map(|(rows,)| rows.unsigned_abs()).sum::<u64>();
        }
        transaction.commit().await?;
        Ok(rows)
    };
    moved.await.map_err(explain).context("take rows back that were set aside")
}
