//! `migrate`: brings the data folder to this version.

use std::path::PathBuf;
use std::process::ExitCode;

use pganalytics_server::lake::Lake;

use crate::backend::BackendArgs;
use crate::output;

/// Bring the data folder to this version
///
/// The backend does so itself at start; this is for those who want it done before.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration (TOML with a table [backend])
    #[arg(long = "config", id = "backend_config", env = "PGANALYTICS_BACKEND_CONFIG", value_name = "FILE")]
    _config: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let lake = Lake::open(args.backend.lake()?).await?;
    lake.check().await?;
    lake.close().await;
    output::line(format!("{} is at this version", args.backend.data.display()))?;
    Ok(ExitCode::SUCCESS)
}
