//! Where the shared meta store is: a PostgreSQL URL, with several hosts where a failover may move the primary.
//!
//! `postgresql://user:password@host1:5432,host2/database?sslmode=verify-full&target_session_attrs=read-write`, as libpq has it. The first
//! host that takes writes is used; when it no longer does, connections that are made anew go to the one that does.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool};

use super::{explain, takes_writes};

/// One host gets this long to answer before the next is tried.
const CONNECT: Duration = Duration::from_secs(3);
/// How often the hosts are asked which of them takes writes, where there are several.
const LOOK: Duration = Duration::from_secs(1);
/// The oldest server: 14 brought what the collector needs anyway, and is the oldest that is maintained.
const OLDEST: i32 = 140_000;
/// What the sessions say they are, in `pg_stat_activity`.
const APPLICATION: &str = "pganalytics-backend";
/// Limits that the server itself keeps. Synchronous commits, whatever the server's default: an acknowledgement rests on them.
const SETTINGS: [(&str, &str); 4] =
    [("statement_timeout", "30s"), ("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "30s"), ("synchronous_commit", "on")];
/// What may stand behind the `?`.
const PARAMETERS: [&str; 9] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "dbname", "password"];

/// Hosts, user, password, database; shown without the password.
#[derive(Clone)]
pub struct DatabaseUrl {
    hosts: Vec<PgConnectOptions>,
    shown: String,
}

/// Why a text is no address of a PostgreSQL. It never quotes the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    #[error("a database URL begins with postgresql:// (or postgres://), as in postgresql://pganalytics@db.example.com/pganalytics")]
    Scheme,
    #[error("the database URL's parameter '{0}' is unknown; it takes sslmode, sslrootcert, sslcert, sslkey, target_session_attrs")]
    Parameter(String),
    #[error("target_session_attrs={0} is of no use here: the meta store is written to; use read-write, or leave it out")]
    Attributes(String),
    #[error("the database URL cannot be read ({0}); special characters in user and password are written as %XX")]
    Form(String),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let rest =
            ["postgresql://", "postgres://"].iter().find_map(|scheme| text.trim().strip_prefix(scheme)).ok_or(DatabaseUrlError::Scheme)?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = address.split_once('/').unwrap_or((address, ""));
        let (account, hosts) = match authority.rsplit_once('@') {
            Some((account, hosts)) => (format!("{account}@"), hosts),
            None => (String::new(), authority),
        };
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "target_session_attrs" if matches!(value, "read-write" | "primary" | "any") => {}
                "target_session_attrs" => return Err(DatabaseUrlError::Attributes(value.into())),
                name if PARAMETERS.contains(&name) => kept.push(parameter),
                name => return Err(DatabaseUrlError::Parameter(name.into())),
            }
        }
        let kept = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        let options = hosts.split(',').map(|host| {
            let one = format!("postgresql://{account}{host}/{database}{kept}");
            let options = PgConnectOptions::from_str(&one).map_err(|error| DatabaseUrlError::Form(cause(&error)))?;
            Ok(options.application_name(APPLICATION).options(SETTINGS).disable_statement_logging())
        });
        let user = account.split([':', '@']).next().unwrap_or_default();
        let at = if user.is_empty() { "" } else { "@" };
        Ok(Self { hosts: options.collect::<Result<_, _>>()?, shown: format!("postgresql://{user}{at}{hosts}/{database}") })
    }
}

/// What is wrong, without the text that it is wrong with.
fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(inner) => inner.to_string(),
        _ => "it is no URL".into(),
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl DatabaseUrl {
    /// The same with another password, as a Secret that is mounted as a file gives it.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.hosts = self.hosts.into_iter().map(|host| host.password(password)).collect();
        self
    }

    /// The first host that takes writes.
    pub(super) async fn writable(&self) -> anyhow::Result<PgConnectOptions> {
        let mut last = None;
        for host in &self.hosts {
            match look(host).await {
                Ok(version) if version < OLDEST => {
                    anyhow::bail!("the meta store's PostgreSQL is of version {}: it must be 14 or later", version / 10_000)
                }
                Ok(_) => return Ok(host.clone()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no host is named"))).with_context(|| format!("connect to the meta store {self}"))
    }

    /// Keeps a pool at the host that takes writes, until the pool is closed.
    pub(super) fn follow(&self, pool: &PgPool) {
        if self.hosts.len() < 2 {
            return;
        }
        let (hosts, pool) = (self.clone(), pool.clone());
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(LOOK);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = pool.close_event() => return,
                    _ = tick.tick() => {}
                }
                let current = pool.connect_options();
                if look(&current).await.is_ok() {
                    continue;
                }
                if let Ok(other) = hosts.writable().await {
                    tracing::warn!(database.host = other.get_host(), "the meta store's primary is another host now");
                    pool.set_connect_options(other);
                }
            }
        });
    }
}

/// The version of a server that takes writes.
async fn look(host: &PgConnectOptions) -> anyhow::Result<i32> {
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
        Ok(Ok((false, _))) => Err(anyhow::anyhow!("{} takes no writes: it is a standby, or read-only", where_it_is())),
        Ok(Err(error)) => Err(explain(error).context(where_it_is())),
        Err(_) => Err(anyhow::anyhow!("{} did not answer within {} s", where_it_is(), CONNECT.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_or_several_are_read_and_the_password_is_not_shown() -> anyhow::Result<()> {
        let url: DatabaseUrl = "postgresql://me:s%40cret@a:5433,b/meta?sslmode=disable&target_session_attrs=read-write".parse()?;
        let hosts: Vec<(&str, u16)> = url.hosts.iter().map(|host| (host.get_host(), host.get_port())).collect();
        assert_eq!(hosts, [("a", 5433), ("b", 5432)]);
        assert_eq!(format!("{url} {url:?}"), "postgresql://me@a:5433,b/meta postgresql://me@a:5433,b/meta");
        Ok(())
    }

    #[test]
    fn what_is_no_address_is_told_what_one_is() {
        let error = |text: &str| text.parse::<DatabaseUrl>().err();
        assert_eq!(error("mysql://x"), Some(DatabaseUrlError::Scheme));
        assert_eq!(error("postgres://a/b?sslmod=x"), Some(DatabaseUrlError::Parameter("sslmod".into())));
        assert_eq!(error("postgres://a/b?target_session_attrs=standby"), Some(DatabaseUrlError::Attributes("standby".into())));
        assert!(matches!(error("postgres://u:p@a:port/b"), Some(DatabaseUrlError::Form(text)) if !text.contains("u:p")));
    }
}
