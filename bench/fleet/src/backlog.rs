//! `fleet backlog`: a fleet that could not ship for ten compaction intervals ships its backlog as fast as the backend acknowledges, and then goes on at
//! its own pace. Compaction must catch up.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::report::{MEMORY, Report, mib};
use crate::world::{Size, Target, World, cores, own_cpu};

/// The interval of the report's lines.
const STEP: Duration = Duration::from_secs(5);
/// The longest run.
const DEADLINE: Duration = Duration::from_secs(3_600);

#[derive(Args, Debug)]
pub(crate) struct Backlog {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    size: Size,
    #[arg(long, default_value_t = 1_000)]
    servers: u32,
    /// Seconds between two compactions of the backend: its --compact-every
    #[arg(long, default_value_t = 300)]
    compact_every: u64,
    /// The number of these intervals in which the fleet could not ship
    #[arg(long, default_value_t = 10)]
    times: u64,
}

pub(crate) async fn run(backlog: Backlog) -> Result<()> {
    let world = World::start(&backlog.target).await?;
    let behind = Duration::from_secs(backlog.compact_every * backlog.times);
    let shape = backlog.size.shape(backlog.servers, behind)?;
    let (fleet, _) = world.fleet(&shape)?;
    let (begin, cpu, own) = (Instant::now(), world.cpu()?, own_cpu()?);
    println!("| s | rows acknowledged | per s | rows compacted | per s | not yet compacted | | files | memory | batches that wait |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut last = (begin, 0.0, 0.0);
    let (mut most_hot, mut fed) = (0.0_f64, None);
    let mut tick = tokio::time::interval(STEP);
    tick.tick().await;
    let (rows, compacted) = loop {
        tick.tick().await;
        let (progress, figures) = (fleet.progress(), world.metrics().await?);
        let (acknowledged, hot, at) = (progress.rows as f64, figures.hot_rows()?, Instant::now());
        // The backend shows rows before the fleet counts them, so this number may be a batch too high.
        let compacted = (acknowledged - hot).max(last.2);
        let seconds = at.duration_since(last.0).as_secs_f64();
        most_hot = most_hot.max(figures.hot_bytes()?);
        println!(
            "| {:.0} | {acknowledged:.0} | {:.0} | {compacted:.0} | {:.0} | {hot:.0} | {} | {:.0} | {} | {} |",
            begin.elapsed().as_secs_f64(),
            (acknowledged - last.1) / seconds,
            (compacted - last.2) / seconds,
            mib(figures.hot_bytes()?),
            figures.files()?,
            mib(world.memory()?.0),
            progress.waiting,
        );
        last = (at, acknowledged, compacted);
        if fed.is_none() && progress.waiting <= u64::from(shape.collectors) {
            fed = Some((begin.elapsed().as_secs_f64(), acknowledged));
        }
        if let Some((seconds, acknowledged)) = fed {
            // Caught up: no more rows wait than usually arrive between two compactions.
            let pace = acknowledged / (behind.as_secs_f64() + seconds);
            let usual = pace * (backlog.compact_every as f64 + 2.0 * STEP.as_secs_f64());
            if hot <= usual {
                break ((acknowledged, seconds, pace), compacted);
            }
        }
        if begin.elapsed() > DEADLINE {
            bail!("compaction has not caught up within {} s: {hot:.0} rows wait", DEADLINE.as_secs());
        }
    };
    let took = begin.elapsed().as_secs_f64();
    let (acknowledged, seconds, pace) = rows;
    let title = format!("{} servers after {} s without a backend", shape.all_servers(), behind.as_secs());
    let mut report = Report::begin(&title);
    report.line("backlog acknowledged", format!("{acknowledged:.0} rows in {seconds:.1} s ({:.0}/s)", acknowledged / seconds));
    report.line("… times the fleet's own pace", format!("{:.1}", acknowledged / seconds / pace));
    let times = compacted / took / pace;
    report.line("compacted", format!("{compacted:.0} rows in {took:.1} s ({:.0}/s)", compacted / took));
    report.goal("… times the fleet's own pace", format!("{times:.1}"), "> 1", times > 1.0);
    report.goal("caught up after", format!("{took:.1} s"), "before the backlog's own length", took < behind.as_secs_f64());
    report.line("not yet compacted, at most", mib(most_hot));
    let peak = world.memory()?.1;
    report.goal("memory of the backend, peak", mib(peak), "≤ 512 MiB", peak <= MEMORY);
    let cpu = world.cpu()? - cpu;
    report.line("CPU of the backend", format!("{cpu:.1} s ({:.0} % of the machine)", cpu / took / cores() * 100.0));
    report.line("CPU of this simulator", format!("{:.1} s", own_cpu()? - own));
    let failures = fleet.progress().failures;
    report.goal("tries that failed", format!("{failures:?}"), "none", failures.is_empty());
    report.end()
}
