//! What a simulated fleet costs the backend, and the judge of the fleet's rows. The fleet itself is `e2e::fleet`, which the tests use too.

mod backlog;
mod load;
mod page;
mod picture;
mod report;
mod scale;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use e2e::fleet::Fleet;
use e2e::fleet::judge::judge;
use e2e::fleet::ledger::{History, Ledger};

use crate::world::{Size, Target, World};

#[derive(Parser)]
#[command(name = "pganalytics-fleet", version, about = "A simulated fleet: its cost for the backend, and the judge of its rows")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A fleet at its default intervals: CPU, memory, acknowledgements, the fleet page.
    Load(load::Load),
    /// Fleets of many sizes: a table and a picture.
    Scale(scale::Scale),
    /// A backlog of ten compaction intervals: does compaction catch up?
    Backlog(backlog::Backlog),
    /// Ships until Ctrl-C, or for some seconds, and keeps a ledger. Continues an existing ledger.
    Ship(Ship),
    /// Compares a backend's rows with a ledger.
    Judge(Judge),
}

#[derive(Args)]
struct Ship {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    size: Size,
    /// The ledger: a new file, or an existing ledger to continue (with its own fleet)
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    #[arg(long, default_value_t = 100)]
    servers: u32,
    /// Seconds to ship for
    #[arg(long)]
    seconds: Option<u64>,
    /// Seconds of the fleet's time per second of the clock
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
}

#[derive(Args)]
struct Judge {
    #[command(flatten)]
    target: Target,
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// Compare each row, even if the sums agree
    #[arg(long)]
    every_row: bool,
}

/// The longest wait for the last batches after Ctrl-C. A second Ctrl-C ends at once.
const FAREWELL: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Load(load) => load::run(load).await,
        Command::Scale(scale) => scale::run(scale).await,
        Command::Backlog(backlog) => backlog::run(backlog).await,
        Command::Ship(command) => ship(command).await,
        Command::Judge(command) => {
            let world = World::start(&command.target).await?;
            let verdict = judge(&world.api, &History::read(&command.ledger)?, command.every_row).await?;
            println!("{verdict}");
            ensure!(verdict.is_clean(), "the judge found differences");
            Ok(())
        }
    }
}

async fn ship(command: Ship) -> Result<()> {
    let world = World::start(&command.target).await?;
    let (ledger, history) = if command.ledger.exists() {
        Ledger::open(&command.ledger)?
    } else {
        let mut shape = command.size.shape(command.servers, Duration::ZERO)?;
        shape.speed = command.speed;
        (Ledger::create(&command.ledger, &shape)?, History::read(&command.ledger)?)
    };
    let fleet = Fleet::start(world.endpoint.clone(), ledger, &history)?;
    let end = async {
        match command.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = end => {}
        stopped = tokio::signal::ctrl_c() => stopped.context("wait for Ctrl-C")?,
    }
    let progress = tokio::select! {
        progress = fleet.finish(FAREWELL) => progress?,
        stopped = tokio::signal::ctrl_c() => { stopped.context("wait for Ctrl-C")?; return Ok(()); }
    };
    println!("{progress:?}");
    Ok(())
}
