//! `serve`: the backend alone.

use std::path::PathBuf;

use crate::backend::{Backend, BackendArgs};
use crate::signals::stop_on_signal;

/// Run the backend and the web UI; collectors ship to it from elsewhere
///
/// At the first start a password for the user 'admin' is printed once, unless PGANALYTICS_ADMIN_PASSWORD or
/// PGANALYTICS_ADMIN_PASSWORD_FILE sets one. Each collector needs a token: pganalytics token create NAME --kind collector
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics serve --listen 0.0.0.0:8443 --tls-cert server.crt --tls-key server.key\n  \
    pganalytics serve --listen 0.0.0.0:8080 --plain-http --trusted-proxy\n  \
    pganalytics serve --config /etc/pganalytics/backend.toml\n\n\
    The line 'pganalytics ready url=…' on stdout means that the backend is ready. SIGTERM or SIGINT shuts it down; a second signal kills it.")]
pub(crate) struct Args {
    /// Configuration (TOML with a table `[backend]`)
    #[arg(long = "config", id = "backend_config", env = "PGANALYTICS_BACKEND_CONFIG", value_name = "FILE")]
    _config: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let stop = stop_on_signal()?;
    let backend = Backend::open(&args.backend).await?;
    let until = stop.clone();
    Box::pin(backend.run(stop, async move {
        until.cancelled().await;
        Ok(())
    }))
    .await
}
