//! Several backends that are one: PostgreSQL as their meta store, a bucket of a real S3 server as their history, and nothing of their
//! own. Each part can be killed and started again; all of it is gone when dropped.

use anyhow::{Context, Result, bail};

use crate::backend::{Backend, Settings};
use crate::balancer::{BACKENDS, Balancer, Software};
use crate::postgres::{Options, Postgres};
use crate::replicas::migrate;
use crate::s3::{BUCKET, S3};

/// The database that the backends are told.
const DATABASE: &str = "pganalytics";

/// Its fields end in this order: what leans on another goes first.
#[derive(Debug)]
pub struct Cluster {
    pub balancer: Balancer,
    pub backends: Vec<Backend>,
    pub s3: S3,
    pub meta: Postgres,
}

impl Cluster {
    /// [`BACKENDS`] backends behind HAProxy, the balancer's and each backend's API logged in as admin.
    ///
    /// # Errors
    /// When any part does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(Software::Haproxy, 18, &Settings::default()).await
    }

    /// With another balancer, another PostgreSQL, or flags and variables for the backends beside the usual ones.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_with(software: Software, major: u32, settings: &Settings) -> Result<Self> {
        // A commit must survive kill -9, unlike in servers that are only watched.
        let options = Options::default().set("synchronous_commit", "on").set("max_connections", "200");
        let (meta, s3) = tokio::try_join!(Postgres::start_with(major, options), S3::start())?;
        meta.execute(&format!("create database {DATABASE}")).await?;
        let (code, said) = migrate(&database_url(&meta), &[]).await?;
        if code != 0 {
            bail!("pganalytics migrate: {said}");
        }
        let settings = shared(&meta, &s3, settings);
        let mut backends = Vec::new();
        for _ in 0..BACKENDS {
            backends.push(Backend::start_with(settings.clone()).await?);
        }
        let ports: Vec<u16> = backends.iter().map(|backend| backend.port).collect();
        let ports: [u16; BACKENDS] = ports.try_into().ok().context("a port for each backend")?;
        let mut balancer = Balancer::start(software, ports).await?;
        balancer.api.token.clone_from(&backends[0].api.token);
        Ok(Self { balancer, backends, s3, meta })
    }
}

fn database_url(meta: &Postgres) -> String {
    format!("postgres://postgres@127.0.0.1:{}/{DATABASE}?sslmode=disable", meta.port)
}

/// The flags and variables of a backend on these stores.
#[must_use]
pub fn shared(meta: &Postgres, s3: &S3, settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let url = database_url(meta);
    settings
        .arguments
        .extend(["--trusted-proxy", "--database-url", &url, "--store", &format!("s3://{BUCKET}/lake")].map(ToOwned::to_owned));
    settings.environment.extend(s3.environment());
    settings
}
