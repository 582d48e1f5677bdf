//! The state of a server in one row of `pganalytics_server`.

use chrono::{DateTime, Utc};

use super::database::{Transaction, statement};
use super::time::micros;

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
    /// This sighting, with unknown values taken from an earlier one. Values are unknown if the server was down.
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

    /// Stores the sighting if it is the newest. Unknown values, of a server that is down, do not replace stored ones.
    ///
    /// A stored time after `now` comes from a collector's wrong clock, and an earlier version kept it. Any sighting replaces it.
    pub(crate) async fn record(&self, transaction: &mut Transaction, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        let upsert = statement(
            "insert into servers (name, first_seen, last_seen, up, in_recovery, version_num, version, system_identifier, host, port,
                                  postmaster_start_time, error, collector)
             values ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict (name) do update set
                 first_seen = case when servers.first_seen > $13 then excluded.first_seen else servers.first_seen end,
                 last_seen = excluded.last_seen, up = excluded.up, error = excluded.error, collector = excluded.collector,
                 in_recovery = coalesce(excluded.in_recovery, servers.in_recovery),
                 version_num = coalesce(excluded.version_num, servers.version_num),
                 version = coalesce(excluded.version, servers.version),
                 system_identifier = coalesce(excluded.system_identifier, servers.system_identifier),
                 host = coalesce(excluded.host, servers.host),
                 port = coalesce(excluded.port, servers.port),
                 postmaster_start_time = coalesce(excluded.postmaster_start_time, servers.postmaster_start_time)
             where servers.last_seen <= excluded.last_seen or servers.last_seen > $13",
        )
        .bind(self.name.as_str())
        .bind(self.ts)
        .bind(self.up)
        .bind(self.in_recovery)
        .bind(self.version_num)
        .bind(self.version.clone())
        .bind(self.system_identifier.clone())
        .bind(self.host.clone())
        .bind(self.port)
        .bind(self.postmaster_start_time)
        .bind(self.error.clone())
        .bind(self.collector.clone())
        .bind(micros(now));
        transaction.execute(upsert).await?;
        Ok(())
    }
}
