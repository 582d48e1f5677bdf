//! `health`: whether a backend is ready. This needs no credentials, so scripts and `helm test` can use it.

use crate::client::{ClientArgs, Health, health};
use crate::output;

/// Check whether a backend is ready
///
/// The exit status is 0 if the backend is ready. No token is needed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pganalytics health --url https://pganalytics.example.com")]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let Health { url, version, timestamp } = health(&args.client).await?;
    output::line(format!("{url} is ready: version {version}, clock {timestamp}"))
}
