//! Three backends behind a load balancer, on a PostgreSQL as meta store and a bucket of a real S3 server as history. A test can kill each part and
//! start it again. Dropping the value ends all parts.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::backend::{Backend, Settings};
use super::replicas::migrate_with;
use crate::harm::network::{self, Network};
use crate::machine::programs::binary;
use crate::servers::balancer::{BACKENDS, Balancer, Software};
use crate::servers::postgres::{Options, Postgres};
use crate::servers::s3::{BUCKET, S3};

/// The database of the meta store.
const DATABASE: &str = "pganalytics";

/// A running cluster. Fields are dropped in order: each part ends before the parts that it needs.
#[derive(Debug)]
pub struct Cluster {
    pub balancer: Balancer,
    pub backends: Vec<Backend>,
    pub s3: S3,
    pub meta: Postgres,
}

impl Cluster {
    /// Starts [`BACKENDS`] backends behind HAProxy. The APIs of the balancer and of each backend are logged in as admin.
    ///
    /// # Errors
    /// If a part does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(Software::Haproxy, 18, &Settings::default()).await
    }

    /// Starts a cluster with another balancer, another PostgreSQL, or more flags and variables for the backends.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_with(software: Software, major: u32, settings: &Settings) -> Result<Self> {
        let (meta, s3) = tokio::try_join!(Postgres::start_with(major, durable()), S3::start())?;
        let settings = shared(&meta, &s3, settings);
        Self::on(software, meta, s3, vec![settings; BACKENDS]).await
    }

    /// Starts each backend on its own host of a network, and everything else in the router. PostgreSQL gets these options.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_in(network: &Network, options: Options, settings: &[Settings; BACKENDS]) -> Result<Self> {
        let options = options.set("listen_addresses", "*");
        let (meta, s3) = tokio::try_join!(Postgres::start_with(18, options), S3::start_at(network::STORE))?;
        let url = url_at(&network::DATABASE.to_string(), &meta);
        let settings = settings.iter().zip(&network.hosts).map(|(settings, host)| {
            let mut settings = on_stores(&url, &s3, settings);
            settings.host = Some(host.clone());
            settings.arguments.push("--plain-http".into());
            settings
        });
        let settings = settings.collect();
        Self::on(Software::Haproxy, meta, s3, settings).await
    }

    async fn on(software: Software, meta: Postgres, s3: S3, settings: Vec<Settings>) -> Result<Self> {
        meta.execute(&format!("create database {DATABASE}")).await?;
        let program = settings.iter().find_map(|settings| settings.program.clone());
        migrated(&meta, &program.map_or_else(|| binary("pganalytics"), Ok)?).await?;
        let mut backends = Vec::new();
        for settings in settings {
            backends.push(Backend::start_with(settings).await?);
        }
        let addresses: Vec<SocketAddr> = backends.iter().map(Backend::address).collect();
        let addresses: [SocketAddr; BACKENDS] = addresses.try_into().ok().context("an address for each backend")?;
        let mut balancer = Balancer::before(software, addresses).await?;
        balancer.api.token.clone_from(&backends[0].api.token);
        Ok(Self { balancer, backends, s3, meta })
    }

    /// Migrates the meta store to the built version.
    ///
    /// # Errors
    /// If the migration fails; the error has its output.
    pub async fn migrate(&self) -> Result<()> {
        migrated(&self.meta, &binary("pganalytics")?).await
    }
}

async fn migrated(meta: &Postgres, program: &Path) -> Result<()> {
    let (code, output) = migrate_with(program, &database_url(meta), &[]).await?;
    if code != 0 {
        bail!("pganalytics migrate: {output}");
    }
    Ok(())
}

/// Options of a PostgreSQL whose commits survive kill -9. Watched servers do not need that.
#[must_use]
pub fn durable() -> Options {
    Options::default().set("synchronous_commit", "on").set("max_connections", "200")
}

fn database_url(meta: &Postgres) -> String {
    url_at("127.0.0.1", meta)
}

fn url_at(address: &str, meta: &Postgres) -> String {
    format!("postgres://postgres@{address}:{}/{DATABASE}?sslmode=disable", meta.port)
}

/// These settings with the flags and variables for a backend on these stores.
#[must_use]
pub fn shared(meta: &Postgres, s3: &S3, settings: &Settings) -> Settings {
    on_stores(&database_url(meta), s3, settings)
}

/// The same, with another URL of the database.
#[must_use]
pub fn on_stores(url: &str, s3: &S3, settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.arguments.extend(["--trusted-proxy", "--database-url", url, "--store", &format!("s3://{BUCKET}/lake")].map(ToOwned::to_owned));
    settings.environment.extend(s3.environment());
    settings
}
