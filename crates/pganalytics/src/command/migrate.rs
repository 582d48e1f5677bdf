//! `migrate`: migrates the meta store to this version.

use std::path::PathBuf;
use std::process::ExitCode;

use pganalytics_server::lake::{Lake, SchemaState};

use crate::backend::BackendArgs;
use crate::output;

/// The exit status of `--check` if there is something to migrate.
const PENDING: u8 = 3;

/// Migrate the meta store to this version
///
/// With --database-url a backend does not migrate by itself: run this before, for example in an init container. Concurrent runs are safe:
/// one migrates, and the others wait. A data folder is also migrated when the backend starts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only check: the exit status is 0 if nothing is to be migrated, and 3 otherwise
    #[arg(long)]
    check: bool,
    /// Configuration (TOML with a table `[backend]`)
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
                output::line(format!("{name} has this version"))?;
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
    output::line(format!("{name} has this version"))?;
    Ok(ExitCode::SUCCESS)
}
