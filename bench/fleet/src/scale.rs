//! `fleet scale`: the cost of a server in fleets of many sizes. Each fleet gets its own backend and ships a history as fast as the backend acknowledges.
//! Smaller fleets ship longer histories: the more rows there are, the more often they are merged, and a small fleet reaches as many rows in a day. The
//! cost is the CPU that the backend takes until the whole history is compacted.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use e2e::fleet::Shape;
use e2e::fleet::judge::Spread;
use e2e::wait::until;

use crate::load::{ms, percentile};
use crate::page;
use crate::picture::{self, Point};
use crate::report::{Report, mib};
use crate::world::{Size, Target, World, own_cpu};

const DEADLINE: Duration = Duration::from_secs(3_600);
/// The backend's compaction interval, unless flags set another.
const COMPACT_EVERY: &str = "20s";
/// Openings of the fleet page after the compaction.
const PAGES: usize = 7;
/// The largest ratio of the cost of a server in a larger fleet to that in a smaller fleet. It leaves room for the machine's noise.
const LINEAR: f64 = 1.25;

#[derive(Args, Debug)]
pub(crate) struct Scale {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    size: Size,
    /// Sizes of the fleet
    #[arg(long, value_delimiter = ',', default_value = "100,300,1000,3000,10000")]
    servers: Vec<u32>,
    /// The least minutes of the fleet's time
    #[arg(long, default_value_t = 5)]
    minutes: u32,
    /// The least product of servers and minutes: a smaller fleet ships a longer history
    #[arg(long, default_value_t = 15_000)]
    server_minutes: u32,
    /// The file of the picture
    #[arg(long, value_name = "FILE", default_value = "fleet-scale.svg")]
    picture: PathBuf,
}

pub(crate) async fn run(scale: Scale) -> Result<()> {
    println!(
        "| servers | minutes | rows | rows/s | backend CPU s | CPU ms a server and minute | cores at the fleet's pace | memory | disk a server and minute | \
         acknowledgement p50 / p99 | fleet page p50 | simulator CPU s |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    let mut points = Vec::new();
    for servers in &scale.servers {
        points.push(one(&scale, *servers).await.with_context(|| format!("a fleet of {servers}"))?);
    }
    std::fs::write(&scale.picture, picture::svg(&points)).with_context(|| format!("write {}", scale.picture.display()))?;
    println!("\nThe picture is {}.", scale.picture.display());
    let mut report = Report::begin("Is the cost linear?");
    let growth = growth(&points);
    report.goal("a server of a larger fleet costs, times one of a smaller, at most", format!("{growth:.2}"), "≤ 1.25", growth <= LINEAR);
    report.end()
}

/// The largest growth of a server's cost from a smaller fleet to a larger one.
fn growth(points: &[Point]) -> f64 {
    let pairs =
        points.iter().flat_map(|small| points.iter().filter(|large| large.servers > small.servers).map(move |large| (small, large)));
    pairs.map(|(small, large)| large.each() / small.each()).fold(0.0, f64::max)
}

async fn one(scale: &Scale, servers: u32) -> Result<Point> {
    let mut target = scale.target.clone();
    if target.serve.is_empty() {
        // By default, small fleets would leave their last rows in memory for minutes.
        target.serve.push(format!("--compact-every={COMPACT_EVERY}"));
    }
    let world = World::start(&target).await?;
    let minutes_of = scale.minutes.max(scale.server_minutes / servers.max(1));
    let minutes = f64::from(minutes_of);
    let shape = scale.size.shape(servers, Duration::from_secs(u64::from(minutes_of) * 60))?;
    // The history ends now, so that the page of the last hour shows it.
    let shape = Shape { settled: true, batches: Some(u64::from(minutes_of) * 60_000 / u64::from(shape.flush_ms)), ..shape };
    let (begin, cpu, own) = (Instant::now(), world.cpu()?, own_cpu()?);
    let (mut fleet, _) = world.fleet(&shape)?;
    fleet.shipped(DEADLINE).await?;
    let took = begin.elapsed().as_secs_f64();
    let acknowledgement = Spread::of(fleet.take_latencies());
    let progress = fleet.finish(DEADLINE).await?;
    until("everything to be compacted", DEADLINE, async || Ok((world.metrics().await?.hot_rows()? == 0.0).then_some(()))).await?;
    let (cpu, own) = (world.cpu()? - cpu, own_cpu()? - own);
    let (memory, disk) = (world.memory()?.1, world.disk()?);
    let mut pages = Vec::new();
    for _ in 0..PAGES {
        pages.push(page::open(&world.api).await?.took);
    }
    let count = shape.all_servers() as f64;
    let point = Point { servers: count, cpu_per_minute: cpu / minutes };
    println!(
        "| {count} | {minutes} | {} | {:.0} | {cpu:.1} | {:.2} | {:.2} | {} | {:.0} B | {:.1} / {:.1} ms | {:.1} ms | {own:.1} |",
        progress.rows,
        progress.rows as f64 / took,
        point.each() * 1e3,
        cpu / minutes / 60.0,
        mib(memory),
        disk / count / minutes,
        ms(acknowledgement.p50),
        ms(acknowledgement.p99),
        ms(percentile(&pages, 50)),
    );
    Ok(point)
}

#[cfg(test)]
mod tests {
    use super::{Point, growth};

    #[test]
    fn a_cost_that_grows_faster_than_the_fleet_is_seen() {
        let points = |costs: [f64; 3]| {
            let sizes = [100.0, 1_000.0, 10_000.0].into_iter().zip(costs);
            sizes.map(|(servers, cpu_per_minute)| Point { servers, cpu_per_minute }).collect::<Vec<_>>()
        };
        assert!(growth(&points([1.0, 10.0, 200.0])) > 1.99);
        // The fixed cost of a process makes servers of the smallest fleet the most expensive, which is no growth.
        assert!(growth(&points([3.0, 12.0, 100.0])) < 1.0);
    }
}
