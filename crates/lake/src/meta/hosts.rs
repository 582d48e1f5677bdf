//! Finds the host that accepts writes, and moves new connections to it.

use std::time::Duration;

use anyhow::Context as _;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};

use super::address::DatabaseUrl;
use super::remedy::explain;

/// How long a host may take to answer before the next host is tried.
const CONNECT: Duration = Duration::from_secs(3);
/// How often several hosts are checked for the one that accepts writes, and files with the URL or password are read again.
const LOOK: Duration = Duration::from_secs(1);
/// The oldest supported server version: 14 has what the collector needs, and is the oldest maintained version.
const OLDEST: i32 = 140_000;

impl DatabaseUrl {
    /// The first host that accepts writes.
    pub(super) async fn writable(&self) -> anyhow::Result<PgConnectOptions> {
        let mut last = None;
        for host in &self.hosts {
            match check_writable(host).await {
                Ok(version) if version < OLDEST => {
                    anyhow::bail!("the meta store's PostgreSQL has version {}; 14 or later is required", version / 10_000)
                }
                Ok(_) => return Ok(host.clone()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("the database URL names no host")))
            .with_context(|| format!("cannot connect to the meta store {self}"))
    }

    /// Until the pool is closed, directs its new connections to the host that accepts writes, with the URL and password from the files.
    pub(super) fn follow(&self, pool: &PgPool) {
        let from_files = self.is_from_files();
        if self.hosts.len() < 2 && !from_files {
            return;
        }
        let (mut url, pool) = (self.clone(), pool.clone());
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(LOOK);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = pool.close_event() => return,
                    _ = tick.tick() => {}
                }
                let current = pool.connect_options();
                // A file that cannot be read, or is invalid, is ignored.
                if from_files
                    && let Ok(renewed) = url.renewed()
                    && renewed.files != url.files
                {
                    tracing::info!("the meta store's user or password was changed");
                    url = renewed;
                    let same = |host: &&PgConnectOptions| (host.get_host(), host.get_port()) == (current.get_host(), current.get_port());
                    if let Some(host) = url.hosts.iter().find(same).or(url.hosts.first()) {
                        pool.set_connect_options(host.clone());
                    }
                    continue;
                }
                if url.hosts.len() < 2 || check_writable(&current).await.is_ok() {
                    continue;
                }
                if let Ok(other) = url.writable().await {
                    tracing::warn!(database.host = other.get_host(), "the primary of the meta store is another host now");
                    pool.set_connect_options(other);
                }
            }
        });
    }
}

/// Checks that a server accepts writes, and returns its version.
async fn check_writable(host: &PgConnectOptions) -> anyhow::Result<i32> {
    let asked = async {
        let mut connection = host.connect().await?;
        let writes = takes_writes(&mut connection).await?;
        let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int").fetch_one(&mut connection).await?;
        let _ = sqlx::Connection::close(connection).await;
        Ok::<_, sqlx::Error>((writes, version))
    };
    let where_it_is = || format!("{}:{}", host.get_host(), host.get_port());
    match tokio::time::timeout(CONNECT, asked).await {
        Ok(Ok((true, version))) => Ok(version),
        Ok(Ok((false, _))) => Err(anyhow::anyhow!("{} does not accept writes: it is a standby, or read-only", where_it_is())),
        Ok(Err(error)) => Err(explain(error).context(where_it_is())),
        Err(_) => Err(anyhow::anyhow!("{} did not answer within {} s", where_it_is(), CONNECT.as_secs())),
    }
}

/// Whether a server accepts writes. A standby does not, and neither does a server that is set to read-only.
pub(super) async fn takes_writes(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let read_only: bool = sqlx::query_scalar("select pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool")
        .fetch_one(connection)
        .await?;
    Ok(!read_only)
}
