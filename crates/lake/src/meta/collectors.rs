//! Collectors: who ships, how far each has come, and what it had to drop.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::database::{Transaction, statement};
use super::{Meta, MetaError, micros, time};

/// A collector, as its batches describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Collector {
    pub id: Uuid,
    pub name: String,
    pub version: String,
    pub first_seen: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    /// Every batch up to this one is committed.
    pub sequence: u64,
    /// Rows committed, of all time.
    pub rows: u64,
    /// Rows the collector says it had to drop, of all time.
    pub dropped_rows: u64,
}

/// What one batch adds to its collector.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sequence: i64,
    pub(crate) rows: i64,
    pub(crate) dropped_rows: i64,
}

impl Progress {
    /// Moves the high-water mark, within the transaction that stores the batch. False, and nothing changed, for a batch at or below it.
    pub(crate) async fn record(&self, transaction: &mut Transaction, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
        let upsert = statement(
            "insert into collectors (id, name, version, first_seen, last_seen, sequence, rows, dropped_rows)
             values ($1, $2, $3, $4, $4, $5, $6, $7)
             on conflict (id) do update set
                 name = excluded.name, version = excluded.version, last_seen = excluded.last_seen, sequence = excluded.sequence,
                 rows = collectors.rows + excluded.rows, dropped_rows = collectors.dropped_rows + excluded.dropped_rows
             where collectors.sequence < excluded.sequence",
        );
        let upsert = upsert.bind(self.id.as_bytes().as_slice()).bind(self.name.as_str()).bind(self.version.as_str());
        let upsert = upsert.bind(micros(now)).bind(self.sequence).bind(self.rows).bind(self.dropped_rows);
        Ok(transaction.execute(upsert).await? > 0)
    }
}

impl Meta {
    /// All collectors, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn collectors(&self) -> Result<Vec<Collector>, MetaError> {
        let sql = "select id, name, version, first_seen, last_seen, sequence, rows, dropped_rows from collectors order by name, id";
        let rows: Vec<Row> = self.database().all(statement(sql)).await?;
        rows.into_iter().map(Row::collector).collect()
    }
}

/// A collector as the store has it.
#[derive(sqlx::FromRow)]
struct Row {
    id: Vec<u8>,
    name: String,
    version: String,
    first_seen: i64,
    last_seen: i64,
    sequence: i64,
    rows: i64,
    dropped_rows: i64,
}

impl Row {
    fn collector(self) -> Result<Collector, MetaError> {
        Ok(Collector {
            id: Uuid::from_slice(&self.id).map_err(|error| MetaError::Store(error.into()))?,
            name: self.name,
            version: self.version,
            first_seen: time(self.first_seen),
            last_seen: time(self.last_seen),
            sequence: self.sequence.unsigned_abs(),
            rows: self.rows.unsigned_abs(),
            dropped_rows: self.dropped_rows.unsigned_abs(),
        })
    }
}
