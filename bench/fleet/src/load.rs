//! `fleet load`: a fleet at its default intervals ships to one backend, and a user opens the fleet page meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use e2e::fleet::judge::{Spread, judge};
use e2e::fleet::ledger::History;
use e2e::wait::until;

use crate::page;
use crate::report::{MEMORY, Report, mib};
use crate::world::{Size, Target, World, cores, own_cpu};

/// The longest time to ship the history.
const FILL: Duration = Duration::from_secs(3_600);
/// The longest time to merge the history's files.
const MERGED: Duration = Duration::from_secs(900);
/// The longest wait for the batches in flight at the end.
const FAREWELL: Duration = Duration::from_secs(120);

#[derive(Args, Debug)]
pub(crate) struct Load {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    size: Size,
    #[arg(long, default_value_t = 1_000)]
    servers: u32,
    /// Seconds of the measurement
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Seconds of history that are shipped before the measurement; the page shows an hour
    #[arg(long, default_value_t = 3_600)]
    history: u64,
    /// Seconds without a fall of the number of files after which the history counts as merged; then the measurement begins
    #[arg(long, default_value_t = 45)]
    settle: u64,
    /// Seconds between two openings of the fleet page; 0 for none
    #[arg(long, default_value_t = 5)]
    page_every: u64,
    /// Judge all rows at the end
    #[arg(long)]
    judge: bool,
    /// Keep the ledger in this file
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// What the measurement saw.
#[derive(Default)]
struct Seen {
    rss: f64,
    hot_rows: f64,
    hot_bytes: f64,
    pages: Vec<Duration>,
    parts: BTreeMap<String, Vec<Duration>>,
    cut: BTreeMap<String, u64>,
}

pub(crate) async fn run(load: Load) -> Result<()> {
    let world = World::start(&load.target).await?;
    let shape = load.size.shape(load.servers, Duration::from_secs(load.history))?;
    let (mut fleet, path) = world.fleet(&shape)?;
    let (begin, cpu) = (Instant::now(), world.cpu()?);
    fleet.caught_up(FILL).await?;
    let filled = fleet.progress();
    let took = begin.elapsed().as_secs_f64();
    println!(
        "history: {} rows of {} s in {took:.1} s ({:.0} rows/s, {:.1} CPU seconds of the backend, peak memory {})",
        filled.rows,
        load.history,
        filled.rows as f64 / took,
        world.cpu()? - cpu,
        mib(world.memory()?.1),
    );

    let merged = settled(&world, Duration::from_secs(load.settle)).await?;
    println!("… merged to {merged:.0} files {:.1} s after that", begin.elapsed().as_secs_f64() - took);
    // Acknowledgements while the history was shipped and merged do not belong to the measurement.
    drop(fleet.take_latencies());
    let before = fleet.progress();
    let (begin, cpu, own) = (Instant::now(), world.cpu()?, own_cpu()?);
    let seen = measure(&world, &load).await?;
    let took = begin.elapsed().as_secs_f64();
    let (cpu, own) = (world.cpu()? - cpu, own_cpu()? - own);
    let acknowledgement = Spread::of(fleet.take_latencies());
    let after = fleet.progress();
    let rows = (after.rows - before.rows) as f64;

    let machine = cpu / took / cores() * 100.0;
    let mut report = Report::begin(&format!("{} servers at default intervals for {took:.0} s", shape.all_servers()));
    report.goal("CPU of the backend, of the machine", format!("{machine:.1} %"), "< 60 %", machine < 60.0);
    report.line("… in cores", format!("{:.2} of {}", cpu / took, cores()));
    let peak = world.memory()?.1;
    report.goal("memory of the backend, its peak since it was started", mib(peak), "≤ 512 MiB", peak <= MEMORY);
    report.line("… the most seen while it was measured", mib(seen.rss));
    let (p50, p99, max) = (ms(acknowledgement.p50), ms(acknowledgement.p99), ms(acknowledgement.max));
    report.goal("acknowledgement p50 / p99 / max", format!("{p50:.1} / {p99:.1} / {max:.1} ms"), "p99 ≤ 50 ms", p99 <= 50.0);
    if !seen.pages.is_empty() {
        let p95 = ms(percentile(&seen.pages, 95));
        let text = format!("{:.1} / {p95:.1} ms ({} openings)", ms(percentile(&seen.pages, 50)), seen.pages.len());
        report.goal("fleet page p50 / p95", text, "p95 ≤ 100 ms", p95 <= 100.0);
        for (part, took) in &seen.parts {
            report.line(&format!("… {part}"), format!("{:.1} / {:.1} ms", ms(percentile(took, 50)), ms(percentile(took, 95))));
        }
        for (part, count) in &seen.cut {
            report.goal(&format!("… {part}: answers that were cut"), count, "0", false);
        }
    }
    report.line("rows acknowledged", format!("{:.0}/s", rows / took));
    report.line("… on the wire", format!("{:.0} B a row", (after.bytes - before.bytes) as f64 / rows));
    report.line("rows not yet compacted, the most seen", format!("{:.0} ({})", seen.hot_rows, mib(seen.hot_bytes)));
    report.line("history on disk", format!("{:.2} B a row", world.disk()? / after.rows as f64));
    report.line("files", format!("{:.0}", world.metrics().await?.files()?));
    report.goal("tries that failed", format!("{:?}", after.failures), "none", after.failures.is_empty());
    report.line("CPU of this simulator, of the machine", format!("{:.1} %", own / took / cores() * 100.0));

    fleet.finish(FAREWELL).await?;
    if let Some(ledger) = &load.ledger {
        std::fs::copy(&path, ledger)?;
    }
    if load.judge {
        let verdict = judge(&world.api, &History::read(&path)?, false).await?;
        println!("\n{verdict}");
        ensure!(verdict.is_clean(), "the judge found differences");
    }
    report.end()
}

/// Waits until merging has caught up with the history: the number of files has had no new minimum for this time. Returns that minimum.
async fn settled(world: &World, quiet: Duration) -> Result<f64> {
    let (mut fewest, mut since) = (f64::MAX, Instant::now());
    let merged = "the history's files to be merged";
    until(merged, MERGED, async || {
        let files = world.metrics().await?.files()?;
        if files < fewest {
            (fewest, since) = (files, Instant::now());
        }
        Ok((since.elapsed() >= quiet).then_some(fewest))
    })
    .await
}

async fn measure(world: &World, load: &Load) -> Result<Seen> {
    let mut seen = Seen::default();
    let end = Instant::now() + Duration::from_secs(load.seconds);
    let every = Duration::from_secs(load.page_every.max(1));
    let mut next_page = Instant::now() + every;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    while Instant::now() < end {
        tick.tick().await;
        let figures = world.metrics().await?;
        seen.rss = seen.rss.max(world.memory()?.0);
        seen.hot_rows = seen.hot_rows.max(figures.hot_rows()?);
        seen.hot_bytes = seen.hot_bytes.max(figures.hot_bytes()?);
        if load.page_every > 0 && Instant::now() >= next_page {
            next_page += every;
            let opened = page::open(&world.api).await?;
            seen.pages.push(opened.took);
            opened.parts.into_iter().for_each(|(part, took)| seen.parts.entry(part).or_default().push(took));
            opened.cut.into_iter().for_each(|part| *seen.cut.entry(part).or_default() += 1);
        }
    }
    Ok(seen)
}

pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(crate) fn percentile(durations: &[Duration], part: usize) -> Duration {
    let mut durations = durations.to_vec();
    durations.sort_unstable();
    durations.get((durations.len() * part / 100).min(durations.len().saturating_sub(1))).copied().unwrap_or_default()
}
