//! Servers: the newest row of `pganalytics_server` of each, kept apart so that a fleet page never scans history.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{Row as _, SqliteConnection};

use super::{Meta, MetaError, micros, time};

/// What a server is within its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRole {
    Primary,
    Standby,
}

/// A monitored server as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    pub name: String,
    pub first_seen: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    pub up: Option<bool>,
    pub role: Option<ServerRole>,
    pub version: Option<String>,
    pub version_num: Option<i64>,
    pub system_identifier: Option<String>,
    pub host: Option<String>,
    pub port: Option<i64>,
    pub postmaster_start_time: Option<DateTime<Utc>>,
    /// Why it is not up, in the collector's words.
    pub error: Option<String>,
    /// The collector that reads it.
    pub collector: Option<String>,
}

/// One row of `pganalytics_server`, in the store's types.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) name: String,
    pub(crate) ts: i64,
    pub(crate) up: Option<bool>,
    pub(crate) in_recovery: Option<bool>,
    pub(crate) version_num: Option<i64>,
    pub(crate) version: Option<String>,
    pub(crate) system_identifier: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<i64>,
    pub(crate) postmaster_start_time: Option<i64>,
    pub(crate) error: Option<String>,
    pub(crate) collector: Option<String>,
}

impl Sighting {
    /// This, with what it cannot say (the server was down) as an earlier one said.
    pub(crate) fn over(self, earlier: Self) -> Self {
        Self {
            in_recovery: self.in_recovery.or(earlier.in_recovery),
            version_num: self.version_num.or(earlier.version_num),
            version: self.version.or(earlier.version),
            system_identifier: self.system_identifier.or(earlier.system_identifier),
            host: self.host.or(earlier.host),
            port: self.port.or(earlier.port),
            postmaster_start_time: self.postmaster_start_time.or(earlier.postmaster_start_time),
            ..self
        }
    }

    /// Keeps the newest; what a server that is down cannot say stays as it was.
    pub(crate) async fn record(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into servers (name, first_seen, last_seen, up, in_recovery, version_num, version, system_identifier, host, port,
                                  postmaster_start_time, error, collector)
             values (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             on conflict (name) do update set
                 last_seen = excluded.last_seen, up = excluded.up, error = excluded.error, collector = excluded.collector,
                 in_recovery = coalesce(excluded.in_recovery, in_recovery),
                 version_num = coalesce(excluded.version_num, version_num),
                 version = coalesce(excluded.version, version),
                 system_identifier = coalesce(excluded.system_identifier, system_identifier),
                 host = coalesce(excluded.host, host),
                 port = coalesce(excluded.port, port),
                 postmaster_start_time = coalesce(excluded.postmaster_start_time, postmaster_start_time)
             where last_seen <= excluded.last_seen",
        )
        .bind(&self.name)
        .bind(self.ts)
        .bind(self.up)
        .bind(self.in_recovery)
        .bind(self.version_num)
        .bind(&self.version)
        .bind(&self.system_identifier)
        .bind(&self.host)
        .bind(self.port)
        .bind(self.postmaster_start_time)
        .bind(&self.error)
        .bind(&self.collector)
        .execute(connection)
        .await?;
        Ok(())
    }
}

impl Meta {
    /// All servers, by name.
    ///
    /// # Errors
    /// When the store fails; so with every method here.
    pub async fn servers(&self) -> Result<Vec<Server>, MetaError> {
        let rows = sqlx::query(
            "select name, first_seen, last_seen, up, in_recovery, version_num, version, system_identifier, host, port,
                    postmaster_start_time, error, collector
             from servers order by name",
        )
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let in_recovery: Option<bool> = row.try_get("in_recovery")?;
                Ok(Server {
                    name: row.try_get("name")?,
                    first_seen: time(row.try_get("first_seen")?),
                    last_seen: time(row.try_get("last_seen")?),
                    up: row.try_get("up")?,
                    role: in_recovery.map(|standby| if standby { ServerRole::Standby } else { ServerRole::Primary }),
                    version: row.try_get("version")?,
                    version_num: row.try_get("version_num")?,
                    system_identifier: row.try_get("system_identifier")?,
                    host: row.try_get("host")?,
                    port: row.try_get("port")?,
                    postmaster_start_time: row.try_get::<Option<i64>, _>("postmaster_start_time")?.map(time),
                    error: row.try_get("error")?,
                    collector: row.try_get("collector")?,
                })
            })
            .collect()
    }

    /// Forgets servers not seen since; a server that was taken out of the fleet otherwise stays listed. Its history stays.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_servers(&self, not_seen_since: DateTime<Utc>) -> Result<u64, MetaError> {
        let done = sqlx::query("delete from servers where last_seen < ?1").bind(micros(not_seen_since)).execute(self.writer()).await?;
        Ok(done.rows_affected())
    }
}
