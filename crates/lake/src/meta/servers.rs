//! Servers: the newest row of `pganalytics_server` for each server, stored separately so that a fleet page never scans the history.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::database::statement;
use super::error::MetaError;
use super::handle::Meta;
use super::time::{micros, time};

/// The role of a server within its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRole {
    Primary,
    Standby,
}

/// The last known state of a monitored server.
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
    /// The collector's message, if the server is not up.
    pub error: Option<String>,
    /// The collector that reads the server.
    pub collector: Option<String>,
}

impl Meta {
    /// All servers, by name.
    ///
    /// # Errors
    /// If the store fails. This holds for every method here.
    pub async fn servers(&self) -> Result<Vec<Server>, MetaError> {
        let select = statement(
            "select name, first_seen, last_seen, up, in_recovery, version_num, version, system_identifier, host, port,
                    postmaster_start_time, error, collector
             from servers order by name",
        );
        let rows: Vec<Row> = self.database().all(select).await?;
        Ok(rows.into_iter().map(Row::server).collect())
    }

    /// Removes the servers from the list that were not seen since the given time. Otherwise a server that has left the fleet stays listed.
    /// The history of the servers stays.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget_servers(&self, not_seen_since: DateTime<Utc>) -> Result<u64, MetaError> {
        let delete = statement("delete from servers where last_seen < $1").bind(micros(not_seen_since));
        Ok(self.database().execute(delete).await?)
    }
}

/// A row of a server in the store.
#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    first_seen: i64,
    last_seen: i64,
    up: Option<bool>,
    in_recovery: Option<bool>,
    version_num: Option<i64>,
    version: Option<String>,
    system_identifier: Option<String>,
    host: Option<String>,
    port: Option<i64>,
    postmaster_start_time: Option<i64>,
    error: Option<String>,
    collector: Option<String>,
}

impl Row {
    fn server(self) -> Server {
        Server {
            name: self.name,
            first_seen: time(self.first_seen),
            last_seen: time(self.last_seen),
            up: self.up,
            role: self.in_recovery.map(|standby| if standby { ServerRole::Standby } else { ServerRole::Primary }),
            version: self.version,
            version_num: self.version_num,
            system_identifier: self.system_identifier,
            host: self.host,
            port: self.port,
            postmaster_start_time: self.postmaster_start_time.map(time),
            error: self.error,
            collector: self.collector,
        }
    }
}
