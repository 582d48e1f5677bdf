//! The progress of a collector, updated by each of its batches.

use chrono::{DateTime, Utc};
use pganalytics_views::wire::Status;
use uuid::Uuid;

use super::database::{Transaction, statement};
use super::time::micros;

/// The values by which one batch updates its collector.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sequence: i64,
    pub(crate) rows: i64,
    pub(crate) dropped_rows: i64,
    pub(crate) status: Option<Status>,
    pub(crate) lag_ms: Option<i64>,
    pub(crate) skew_us: Option<i64>,
    /// Rows of the batch whose times were moved to the backend's clock.
    pub(crate) moved_rows: u64,
    /// The shared token that the batch came with. The collector is bound to the token.
    pub(crate) token: Option<i64>,
}

impl Progress {
    /// Raises the high-water mark, within the transaction that stores the batch. Returns false and changes nothing if the batch is at or
    /// below the mark.
    pub(crate) async fn record(&self, transaction: &mut Transaction, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
        let upsert = statement(
            "insert into collectors (id, name, version, first_seen, last_seen, sequence, rows, dropped_rows,
                 started, spool_batches, spool_bytes, targets, targets_up, last_error, last_error_at, lag_ms, skew, dropped_at,
                 moved_rows, moved_at, token)
             values ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
             on conflict (id) do update set
                 name = excluded.name, version = excluded.version, last_seen = excluded.last_seen, sequence = excluded.sequence,
                 rows = collectors.rows + excluded.rows, dropped_rows = collectors.dropped_rows + excluded.dropped_rows,
                 started = excluded.started, spool_batches = excluded.spool_batches, spool_bytes = excluded.spool_bytes,
                 targets = excluded.targets, targets_up = excluded.targets_up, last_error = excluded.last_error,
                 last_error_at = excluded.last_error_at, lag_ms = excluded.lag_ms, skew = excluded.skew,
                 dropped_at = coalesce(excluded.dropped_at, collectors.dropped_at),
                 moved_rows = collectors.moved_rows + excluded.moved_rows, moved_at = coalesce(excluded.moved_at, collectors.moved_at),
                 token = excluded.token
             where collectors.sequence < excluded.sequence",
        );
        // These numbers are only displayed, so a number that exceeds the store's integers is stored as the largest integer.
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let status = self.status.as_ref();
        let upsert = upsert.bind(self.id.as_bytes().as_slice()).bind(self.name.as_str()).bind(self.version.as_str());
        let upsert = upsert.bind(micros(now)).bind(self.sequence).bind(self.rows).bind(self.dropped_rows);
        let upsert = upsert.bind(status.map(|status| status.started_us));
        let upsert = upsert.bind(status.map(|status| whole(status.spool_batches))).bind(status.map(|status| whole(status.spool_bytes)));
        let upsert = upsert.bind(status.map(|status| whole(status.targets))).bind(status.map(|status| whole(status.targets_up)));
        let upsert = upsert.bind(status.and_then(|status| status.last_error.clone()));
        let upsert = upsert.bind(status.and_then(|status| status.last_error_us)).bind(self.lag_ms).bind(self.skew_us);
        let upsert = upsert.bind((self.dropped_rows > 0).then(|| micros(now))).bind(whole(self.moved_rows));
        let upsert = upsert.bind((self.moved_rows > 0).then(|| micros(now))).bind(self.token);
        Ok(transaction.execute(upsert).await? > 0)
    }
}
