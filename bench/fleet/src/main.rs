//! A simulated fleet: what it costs the backend, and the judge of its rows. Everything about the fleet itself is `e2e::fleet`, which
//! the tests use as well; here are the figures.

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
#[command(name = "pganalytics-fleet", version, about = "A simulated fleet, what it costs the backend, and the judge of its rows")]
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
    /// Ten intervals of compaction at once: does it catch up?
    Backlog(backlog::Backlog),
    /// Ships until Ctrl-C, or for a while, and keeps a ledger; goes on where a ledger ends.
    Ship(Ship),
    /// Asks a backend for every row of a ledger.
    Judge(Judge),
}

#[derive(Args)]
struct Ship {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    size: Size,
    /// The ledger: a new file, or one to go on with (then the fleet is the one it names)
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    #[arg(long, default_value_t = 100)]
    servers: u32,
    /// Seconds to ship for
    #[arg(long)]
    seconds: Option<u64>,
    /// Seconds of the fleet's time in one of the clock's
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
}

#[derive(Args)]
struct Judge {
    #[command(flatten)]
    target: Target,
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// Compare each row, also where the sums agree
    #[arg(long)]
    every_row: bool,
}

/// The last batches, after Ctrl-C; a second one ends at once.
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
