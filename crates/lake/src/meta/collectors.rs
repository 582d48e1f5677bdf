//! Collectors: their names, progress, status and dropped rows.

use chrono::{DateTime, Utc};
use pganalytics_views::wire::Status;
use serde::Serialize;
use uuid::Uuid;

use super::database::statement;
use super::error::MetaError;
use super::handle::Meta;
use super::time::{micros, time};

/// A collector, as described by its batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Collector {
    pub id: Uuid,
    pub name: String,
    pub version: String,
    pub first_seen: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    /// The mark: every batch up to this number counts as committed.
    pub sequence: u64,
    /// The number of rows ever committed.
    pub rows: u64,
    /// The number of rows that the collector has ever dropped, by its own report.
    pub dropped_rows: u64,
    /// When the collector last reported dropped rows.
    pub last_dropped: Option<DateTime<Utc>>,
    /// The collector's status when it closed its newest batch. `None` if the collector does not report a status.
    pub status: Option<Status>,
    /// How long the newest batch had waited before it was sent, by the collector's clock.
    pub lag_ms: Option<u64>,
    /// How far the collector's clock is ahead of the backend's, in microseconds. Negative if it is behind.
    pub skew_us: Option<i64>,
    /// The number of rows ever committed whose times were moved to the backend's clock, because the collector's clock was wrong.
    pub moved_rows: u64,
    /// When rows were last moved.
    pub last_moved: Option<DateTime<Utc>>,
    pub credential: CredentialState,
}

/// The credential that a collector ships with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "since")]
pub enum CredentialState {
    /// A `collector` token, which other collectors may use too.
    Token,
    /// The collector's own credential, in use since this time.
    Own(DateTime<Utc>),
    /// None: an administrator revoked the collector at this time.
    Revoked(DateTime<Utc>),
}

/// The state of a collector that decides whether one of its batches is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// An administrator has revoked the collector.
    pub(crate) is_revoked: bool,
    /// The collector has its own credential, or has had one since it was last forgotten.
    pub(crate) is_enrolled: bool,
    /// The mark: every batch up to this number counts as committed. 0 if there is no batch.
    pub(crate) mark: u64,
    /// The shared token that the collector is bound to, if the token is still valid.
    pub(crate) bound: Option<BoundToken>,
}

/// The shared token that a collector ships with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoundToken {
    pub(crate) id: i64,
    pub(crate) name: String,
}

impl Meta {
    /// All collectors that are not forgotten, by name.
    ///
    /// # Errors
    /// If the store fails. This holds for every method here.
    pub async fn collectors(&self) -> Result<Vec<Collector>, MetaError> {
        let mut all = self.all_collectors().await?;
        all.retain(|(_, forgotten)| !forgotten);
        Ok(all.into_iter().map(|(collector, _)| collector).collect())
    }

    /// All collectors, including forgotten ones, whose marks stay in force. The flag tells whether a collector is forgotten.
    pub(crate) async fn all_collectors(&self) -> Result<Vec<(Collector, bool)>, MetaError> {
        let sql = "select id, name, version, first_seen, last_seen, sequence, rows, dropped_rows, started, spool_batches, spool_bytes,
                 targets, targets_up, last_error, last_error_at, lag_ms, skew, dropped_at, moved_rows, moved_at, revoked, forgotten,
                 (select max(credentials.created) from credentials
                  where credentials.collector = collectors.id and credentials.replaced is null and credentials.used is not null) as used,
                 (select max(credentials.created) from credentials
                  where credentials.collector = collectors.id and credentials.replaced is null) as enrolled
             from collectors order by name, id";
        let rows: Vec<Row> = self.database().all(statement(sql)).await?;
        rows.into_iter().map(Row::collector).collect()
    }

    /// The state of a collector that decides whether one of its batches is accepted. An unknown collector has the mark 0.
    pub(crate) async fn standing(&self, collector: Uuid) -> Result<Standing, MetaError> {
        let select = statement(
            "select collectors.revoked, sequence, (select count(*) from credentials where credentials.collector = collectors.id) as credentials,
                    tokens.id, tokens.name
             from collectors left join tokens
                 on tokens.id = collectors.token and tokens.revoked is null and (tokens.expires is null or tokens.expires > $2)
             where collectors.id = $1",
        );
        let select = select.bind(collector.as_bytes().as_slice()).bind(micros(Utc::now()));
        type Row = (Option<i64>, i64, i64, Option<i64>, Option<String>);
        let found: Option<Row> = self.database().optional(select).await?;
        Ok(found.map_or_else(Standing::default, |(revoked, mark, credentials, token, name)| Standing {
            is_revoked: revoked.is_some(),
            is_enrolled: credentials > 0,
            mark: mark.unsigned_abs(),
            bound: token.zip(name).map(|(id, name)| BoundToken { id, name }),
        }))
    }

    /// Sets a collector's mark: every batch above the mark is new, every other batch is a duplicate. Releases the collector from its shared token:
    /// the next batch binds it. Returns the previous mark, or `None` if there is no such collector.
    ///
    /// # Errors
    /// If the store fails, or if the mark is larger than the store's integers.
    pub async fn reset_mark(&self, collector: Uuid, mark: u64) -> Result<Option<u64>, MetaError> {
        let id = collector.as_bytes().as_slice();
        let mark = i64::try_from(mark).map_err(|error| MetaError::Store(error.into()))?;
        let mut transaction = self.database().begin().await?;
        // Changes nothing, but locks the row, so that no batch is committed in between.
        let lock = statement("update collectors set sequence = sequence where id = $1 returning sequence").bind(id);
        let Some((before,)) = transaction.optional::<(i64,)>(lock).await? else { return Ok(None) };
        transaction.execute(statement("update collectors set sequence = $2, token = null where id = $1").bind(id).bind(mark)).await?;
        transaction.commit().await?;
        Ok(Some(before.unsigned_abs()))
    }

    /// Revokes a collector: its batches are refused, whatever credential it uses, until it is forgotten. Returns false if there is no such
    /// collector, or if it is already revoked.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn revoke_collector(&self, collector: Uuid, now: DateTime<Utc>) -> Result<bool, MetaError> {
        let revoke = statement("update collectors set revoked = $2 where id = $1 and revoked is null");
        Ok(self.database().execute(revoke.bind(collector.as_bytes().as_slice()).bind(micros(now))).await? > 0)
    }

    /// Forgets a collector: deletes its credentials and its revocation, releases it from its shared token, and hides it until it is seen again. Its rows and its mark stay, so
    /// batches that it has shipped are not accepted twice. Returns false if there is no such collector.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget_collector(&self, collector: Uuid, now: DateTime<Utc>) -> Result<bool, MetaError> {
        let id = collector.as_bytes().as_slice();
        let mut transaction = self.database().begin().await?;
        let forget =
            statement("update collectors set forgotten = $2, revoked = null, token = null where id = $1").bind(id).bind(micros(now));
        let known = transaction.execute(forget).await? > 0;
        transaction.execute(statement("delete from credentials where collector = $1").bind(id)).await?;
        transaction.commit().await?;
        Ok(known)
    }
}

/// A row of a collector in the store.
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
    started: Option<i64>,
    spool_batches: Option<i64>,
    spool_bytes: Option<i64>,
    targets: Option<i64>,
    targets_up: Option<i64>,
    last_error: Option<String>,
    last_error_at: Option<i64>,
    lag_ms: Option<i64>,
    skew: Option<i64>,
    dropped_at: Option<i64>,
    moved_rows: i64,
    moved_at: Option<i64>,
    revoked: Option<i64>,
    forgotten: Option<i64>,
    used: Option<i64>,
    enrolled: Option<i64>,
}

impl Row {
    /// Converts the row to a collector, and whether it is forgotten.
    fn collector(self) -> Result<(Collector, bool), MetaError> {
        let number = |number: Option<i64>| number.unwrap_or_default().unsigned_abs();
        let status = self.started.map(|started_us| Status {
            started_us,
            spool_batches: number(self.spool_batches),
            spool_bytes: number(self.spool_bytes),
            oldest_ms: None,
            targets: number(self.targets),
            targets_up: number(self.targets_up),
            last_error: self.last_error,
            last_error_us: self.last_error_at,
        });
        let credential = match (self.revoked, self.used.or(self.enrolled)) {
            (Some(revoked), _) => CredentialState::Revoked(time(revoked)),
            (None, Some(since)) => CredentialState::Own(time(since)),
            (None, None) => CredentialState::Token,
        };
        let forgotten = self.forgotten.is_some_and(|forgotten| forgotten >= self.last_seen);
        let collector = Collector {
            id: Uuid::from_slice(&self.id).map_err(|error| MetaError::Store(error.into()))?,
            name: self.name,
            version: self.version,
            first_seen: time(self.first_seen),
            last_seen: time(self.last_seen),
            sequence: self.sequence.unsigned_abs(),
            rows: self.rows.unsigned_abs(),
            dropped_rows: self.dropped_rows.unsigned_abs(),
            last_dropped: self.dropped_at.map(time),
            status,
            lag_ms: self.lag_ms.map(i64::unsigned_abs),
            skew_us: self.skew,
            moved_rows: self.moved_rows.unsigned_abs(),
            last_moved: self.moved_at.map(time),
            credential,
        };
        Ok((collector, forgotten))
    }
}
