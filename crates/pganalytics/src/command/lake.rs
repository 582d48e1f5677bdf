//! `lake`: the history's files.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Subcommand;
use pganalytics_server::lake::{Depth, Lake, Verified};

use crate::backend::BackendArgs;
use crate::output;

/// How often the number of files done is told.
const TELL: Duration = Duration::from_secs(5);

/// Look after the history's files
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Verify(Box<VerifyArgs>),
}

/// Look whether the history is whole: the catalog, each file and its sum, and the batches that are in no file yet
///
/// Takes a backend's settings, changes nothing, and may run beside backends. Ends with 0 where all is well, with 1 where something is wrong,
/// and says what to do about it. It reads every file once: on an object store that is paid for, --quick asks for the list only.
#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// Compare names and sizes only
    #[arg(long)]
    quick: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Configuration (TOML with a table [backend])
    #[arg(long = "config", id = "backend_config", env = "PGANALYTICS_BACKEND_CONFIG", value_name = "FILE")]
    _config: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArgs,
}

pub(crate) async fn run(Args { action }: Args) -> anyhow::Result<ExitCode> {
    let Action::Verify(args) = action;
    let depth = if args.quick { Depth::Names } else { Depth::Contents };
    let told = std::cell::Cell::new(Instant::now());
    let tell = |done: u64, all: u64| {
        if told.get().elapsed() >= TELL {
            told.set(Instant::now());
            output::remark(format!("{done} of {all} files"));
        }
    };
    let verified = Lake::verify(&args.backend.lake()?, depth, tell).await?;
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
    text.push_str(&format!("{files} files with {rows} rows and {bytes} bytes, {hot_batches} batches in no file yet: "));
    text.push_str(&match problems.len() {
        0 => "all is well\n".to_owned(),
        1 => "1 problem\n".to_owned(),
        count => format!("{count} problems\n"),
    });
    if *orphans > 0 {
        text.push_str(&format!(
            "{orphans} files are in no catalog: left by a crash or just being written; they do no harm and are deleted after a day\n"
        ));
    }
    text
}
