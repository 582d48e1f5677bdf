//! `migrate`: brings the meta store to this version.

use std::path::PathBuf;
use std::process::ExitCode;

use pganalytics_server::lake::{Lake, SchemaState};

use crate::backend::BackendArgs;
use crate::output;

/// What `--check` ends with where there is something to migrate.
const PENDING: u8 = 3;

/// Bring the meta store to this version
///
/// With --database-url a backend does not do so itself: run this before, as an init container does. Several at once are fine: one works,
/// the others wait. A data folder is migrated at the backend's start too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say what is to be done: ends with 0 where nothing is, with 3 where something is
    #[arg(long)]
    check: bool,
    /// Configuration (TOML with a table [backend])
    #[arg(long = "config", id = "backend_config", env = "PGANALYTICS_BACKEND_CONFIG", value_name = "FILE")]
    _config: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let options = args.backend.lake()?;
    let name = match &options.database {
        Some(url) => url.to_string(),
        None => args.backend.data.display().to_string(),
    };
    if args.check {
        return Ok(match Lake::schema(&options).await? {
            SchemaState::Current => {
                output::line(format!("{name} is at this version"))?;
                ExitCode::SUCCESS
            }
            state @ (SchemaState::Behind(..) | SchemaState::Half(_)) => {
                output::line(format!("{name}: {}", state.check().err().map(|error| error.to_string()).unwrap_or_default()))?;
                ExitCode::from(PENDING)
            }
            state @ SchemaState::Ahead(..) => {
                state.check()?;
                ExitCode::FAILURE
            }
        });
    }
    Lake::migrate(&options).await?;
    output::line(format!("{name} is at this version"))?;
    Ok(ExitCode::SUCCESS)
}
