//! `all-in-one`: backend and collector in one process, for one machine or for trying pgAnalytics.

use std::path::PathBuf;

use anyhow::Context as _;
use pganalytics_collector::{Config, Overrides, Token};

use crate::access::{collector_token, collector_token_file};
use crate::backend::{Backend, BackendArgs};
use crate::signals::stop_on_signal;

/// Run backend, web UI and collector in one process
///
/// The collector ships to the backend over loopback with its own token. At the first start a password for the user 'admin' is printed
/// once, unless PGANALYTICS_ADMIN_PASSWORD or PGANALYTICS_ADMIN_PASSWORD_FILE sets one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics all-in-one \"postgresql://postgres@localhost/postgres\"\n  \
    pganalytics all-in-one --data /var/lib/pganalytics --config /etc/pganalytics/collector.toml\n\n\
    The line 'pganalytics ready url=…' on stdout means that the backend is ready. SIGTERM or SIGINT shuts it down; a second signal kills it.")]
pub(crate) struct Args {
    /// Servers to read, as connection strings of psql: a URL or "host=… user=…"
    #[arg(value_name = "CONNINFO")]
    targets: Vec<String>,
    /// The collector's configuration (TOML)
    #[arg(long, env = "PGANALYTICS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The backend's configuration (TOML with a table `[backend]`)
    #[arg(long, env = "PGANALYTICS_BACKEND_CONFIG", value_name = "FILE")]
    backend_config: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    // The backend's address is known only after its port is bound. Everything else is checked before.
    let pending = pganalytics_collector::Backend::new(
        "http://127.0.0.1".parse().context("form the address of the backend")?,
        Token::File(collector_token_file(&args.backend.data)),
    );
    let overrides = Overrides {
        backend: Some(pending),
        spool_folder: Some(args.backend.data.join("spool")),
        // The backend's /metrics is in the same process, so the collector needs no port of its own.
        listen: Some("off".into()),
        targets: args.targets,
        targets_optional: true,
        ..Overrides::default()
    };
    let mut config = Config::load(args.config.as_deref(), &overrides)?;
    if config.targets.is_empty() {
        tracing::warn!("no server is named, so nothing is collected: name a server as an argument, or in --config under [[target]]");
    }
    let stop = stop_on_signal()?;
    let backend = Backend::open(&args.backend).await?;
    config.backend.token = Token::File(collector_token(&args.backend.data, backend.lake.meta()).await?);
    config.backend.url = backend.local_url.parse().context("form the address of the backend")?;
    let collecting = Box::pin(pganalytics_collector::run(config, stop.clone()));
    Box::pin(backend.run(stop, async move { collecting.await.context("collect") })).await
}
