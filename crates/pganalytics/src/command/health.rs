//! `health`: whether a backend is ready. It shows no credentials, so it does for scripts and for `helm test`.

use crate::client::{ClientArgs, Health, health};
use crate::output;

/// Ask a backend whether it is ready
///
/// Ends with 0 where it is. Needs no token: health is public.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pganalytics health --url https://pganalytics.example.com")]
pub(crate) struct Args {
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let Health { url, version, timestamp } = health(&args.client).await?;
    output::line(format!("{url} is ready: version {version}, its clock says {timestamp}"))
}
