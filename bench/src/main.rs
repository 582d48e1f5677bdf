//! The figures of pgAnalytics beside its peers: one command each, both sides in the same run, ratios printed as Markdown. No figure is asserted.

mod collector;
mod day;
mod peers;
mod table;

use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Seconds between two polls: our interval for statements, and a usual interval for an expensive scrape.
const INTERVAL: u64 = 60;
const POLLS: u32 = 10;

#[derive(Parser)]
#[command(version, about = "The figures of pgAnalytics beside its peers (bench/peers.sh installs them).")]
struct Arguments {
    #[command(subcommand)]
    figure: Option<Figure>,
    /// Leave Prometheus out of the figures about history: it takes the longest.
    #[arg(long, global = true)]
    without_prometheus: bool,
}

#[derive(Subcommand, Clone, Copy)]
enum Figure {
    /// CPU, memory and wire of the collector, and its cost for PostgreSQL.
    Collector {
        /// Seconds between two polls.
        #[arg(long, default_value_t = INTERVAL)]
        interval: u64,
        /// Measured polls.
        #[arg(long, default_value_t = POLLS)]
        polls: u32,
    },
    /// Bytes on disk per sample, of a day of 2,000 statements.
    Disk,
    /// Time of two queries about that day, over HTTP.
    Queries,
    /// Samples per CPU second, acknowledged and merged; bytes on the wire.
    Ingest,
    /// Disk, queries and ingest in one run.
    Day,
    /// All figures; the default.
    All,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    e2e::api::use_ring();
    let nothing = day::Wanted { disk: false, queries: false, ingest: false, prometheus: !arguments.without_prometheus };
    let day = day::Wanted { disk: true, queries: true, ingest: true, ..nothing };
    match arguments.figure.unwrap_or(Figure::All) {
        Figure::Collector { interval, polls } => collector::run(Duration::from_secs(interval), polls).await,
        Figure::Disk => day::run(day::Wanted { disk: true, ..nothing }).await,
        Figure::Queries => day::run(day::Wanted { queries: true, ..nothing }).await,
        Figure::Ingest => day::run(day::Wanted { ingest: true, ..nothing }).await,
        Figure::Day => day::run(day).await,
        Figure::All => {
            collector::run(Duration::from_secs(INTERVAL), POLLS).await?;
            day::run(day).await
        }
    }
}
