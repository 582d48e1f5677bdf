//! Collectors: who ships, how far each has come, and what it had to drop.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{Row as _, SqliteConnection};
use uuid::Uuid;

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
    pub(crate) async fn record(&self, connection: &mut SqliteConnection, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "insert into collectors (id, name, version, first_seen, last_seen, sequence, rows, dropped_rows)
             values (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)
             on conflict (id) do update set
                 name = excluded.name, version = excluded.version, last_seen = excluded.last_seen, sequence = excluded.sequence,
                 rows = rows + excluded.rows, dropped_rows = dropped_rows + excluded.dropped_rows
             where sequence < excluded.sequence",
        )
        .bind(self.id.as_bytes().as_slice())
        .bind(&self.name)
        .bind(&self.version)
        .bind(micros(now))
        .bind(self.sequence)
        .bind(self.rows)
        .bind(self.dropped_rows)
        .execute(connection)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}

impl Meta {
    /// All collectors, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn collectors(&self) -> Result<Vec<Collector>, MetaError> {
        let rows =
            sqlx::query("select id, name, version, first_seen, last_seen, sequence, rows, dropped_rows from collectors order by name, id")
                .fetch_all(self.readers())
                .await?;
        rows.iter()
            .map(|row| {
                let id: Vec<u8> = row.try_get("id")?;
                Ok(Collector {
                    id: Uuid::from_slice(&id).map_err(|error| MetaError::Store(error.into()))?,
                    name: row.try_get("name")?,
                    version: row.try_get("version")?,
                    first_seen: time(row.try_get("first_seen")?),
                    last_seen: time(row.try_get("last_seen")?),
                    sequence: row.try_get::<i64, _>("sequence")?.unsigned_abs(),
                    rows: row.try_get::<i64, _>("rows")?.unsigned_abs(),
                    dropped_rows: row.try_get::<i64, _>("dropped_rows")?.unsigned_abs(),
                })
            })
            .collect()
    }
}
