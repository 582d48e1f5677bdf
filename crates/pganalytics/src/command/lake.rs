//! `lake`: the files of the history.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Subcommand;
use pganalytics_server::lake::{Depth, Lake, Verified};

use crate::backend::BackendArgs;
use crate::output;

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Manage the files of the history
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Verify(Box<VerifyArgs>),
}

/// Verify the history: the catalog, each file and its checksum, and the batches that are not in a file yet
///
/// This needs a backend's settings, changes nothing, and can run while backends run. The exit status is 0 if there are no problems, and 1
/// otherwise; each problem has a remedy. Every file is read once, which costs money on an object store; --quick only lists the files.
#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// Only compare names and sizes
    #[arg(long)]
    quick: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Configuration (TOML with a table `[backend]`)
    #[arg(long = "config", id = "backend_config", env = "PGANALYTICS_BACKEND_CONFIG", value_name = "FILE")]
    _config: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArgs,
}

pub(crate) async fn run(Args { action }: Args) -> anyhow::Result<ExitCode> {
    let Action::Verify(args) = action;
    let depth = if args.quick { Depth::Names } else { Depth::Contents };
    let reported = std::cell::Cell::new(Instant::now());
    let report = |done: u64, all: u64| {
        if reported.get().elapsed() >= REPORT_EVERY {
            reported.set(Instant::now());
            output::remark(format!("{done} of {all} files"));
        }
    };
    let verified = Lake::verify(&args.backend.lake()?, depth, report).await?;
    if args.json {
        output::line(serde_json::to_string_pretty(&verified)?)?;
    } else {
        output::print(shown(&verified))?;
    }
    Ok(if verified.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shown(verified: &Verified) -> String {
    let Verified { files, rows, bytes, hot_batches, orphans, problems } = verified;
    let mut text = problems.iter().map(|problem| format!("{problem}\n")).collect::<String>();
    text.push_str(&format!("{files} files with {rows} rows and {bytes} bytes, {hot_batches} batches not in a file yet: "));
    text.push_str(&match problems.len() {
        0 => "no problems\n".to_owned(),
        1 => "1 problem\n".to_owned(),
        count => format!("{count} problems\n"),
    });
    if *orphans > 0 {
        text.push_str(&format!(
            "{orphans} files are not in the catalog: left by a crash, or being written now; they are harmless and are deleted after a day\n"
        ));
    }
    text
}
