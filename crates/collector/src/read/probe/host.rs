//! Reads the host of a local server from `/proc`: cores, memory, load, disks, network interfaces.
//!
//! The delta engine turns the kernel's counters into deltas. A file that cannot be read (another kernel, a sandbox) is an error of its view
//! only.

use anyhow::Context as _;
use pganalytics_views::View;
use procfs::{Current as _, CurrentSI as _};

use crate::delta::rows::{Rows, Snapshot};

/// The size of a sector in /proc/diskstats, which does not depend on the disk.
const SECTOR: u64 = 512;
const NS_PER_MS: u64 = 1_000_000;
/// Devices that are not disks. The underlying disks already count their traffic.
const NO_DISKS: [&str; 4] = ["loop", "ram", "zram", "sr"];

/// The number of cores of this machine.
#[must_use]
pub(crate) fn cpus() -> Option<i64> {
    std::thread::available_parallelism().ok().and_then(|n| i64::try_from(n.get()).ok())
}

/// Reads one of the host views.
///
/// # Errors
/// /proc cannot be read, or the view is not a host view.
pub(crate) fn read(view: &View, ts_us: i64) -> anyhow::Result<Snapshot> {
    let mut rows = Rows::new(view, 16);
    match view.name.as_str() {
        "host_cpu" => {
            let cpu = procfs::KernelStats::current().context("cannot read /proc/stat")?;
            let cores = i64::try_from(cpu.cpu_time.len()).ok();
            let total = cpu.total;
            let ns = |time: std::time::Duration| u64::try_from(time.as_nanos()).ok();
            add(&mut rows, view, None, None, |column| match column {
                "user" => ns(total.user_duration()),
                "nice" => ns(total.nice_duration()),
                "system" => ns(total.system_duration()),
                "idle" => ns(total.idle_duration()),
                "iowait" => total.iowait_duration().and_then(ns),
                "irq" => total.irq_duration().and_then(ns),
                "softirq" => total.softirq_duration().and_then(ns),
                "steal" => total.steal_duration().and_then(ns),
                "cpus" => cores.map(i64::unsigned_abs),
                _ => None,
            });
        }
        "host_memory" => {
            let memory = procfs::Meminfo::current().context("cannot read /proc/meminfo")?;
            add(&mut rows, view, None, None, |column| match column {
                "total" => Some(memory.mem_total),
                "available" => memory.mem_available,
                "free" => Some(memory.mem_free),
                "buffers" => Some(memory.buffers),
                "cached" => Some(memory.cached),
                "swap_total" => Some(memory.swap_total),
                "swap_free" => Some(memory.swap_free),
                _ => None,
            });
        }
        "host_load" => {
            let load = procfs::LoadAverage::current().context("cannot read /proc/loadavg")?;
            for (column, definition) in view.columns.iter().enumerate() {
                let value = match definition.name.as_str() {
                    "load1" => Some(load.one),
                    "load5" => Some(load.five),
                    "load15" => Some(load.fifteen),
                    _ => None,
                };
                // Converted via text, so that 0.1 does not become 0.10000000149.
                rows.set_float(column, value.and_then(|value| value.to_string().parse().ok()));
            }
            rows.end_row();
        }
        "host_disk" => {
            for disk in procfs::diskstats().context("cannot read /proc/diskstats")? {
                let partition = std::path::Path::new("/sys/class/block").join(&disk.name).join("partition").exists();
                if partition || NO_DISKS.iter().any(|prefix| disk.name.starts_with(prefix)) {
                    continue;
                }
                let number = format!("{}:{}-{}", disk.major, disk.minor, sequence(&disk.name));
                add(&mut rows, view, Some(&disk.name), Some(&number), |column| match column {
                    "reads" => Some(disk.reads),
                    "writes" => Some(disk.writes),
                    "read_bytes" => Some(disk.sectors_read.saturating_mul(SECTOR)),
                    "written_bytes" => Some(disk.sectors_written.saturating_mul(SECTOR)),
                    "read_time" => Some(disk.time_reading.saturating_mul(NS_PER_MS)),
                    "write_time" => Some(disk.time_writing.saturating_mul(NS_PER_MS)),
                    "io_time" => Some(disk.time_in_progress.saturating_mul(NS_PER_MS)),
                    _ => None,
                });
            }
        }
        "host_network" => {
            for (name, device) in procfs::net::dev_status().context("cannot read /proc/net/dev")? {
                let number = tiny_file(&format!("/sys/class/net/{name}/ifindex"));
                add(&mut rows, view, Some(&name), number.as_deref(), |column| match column {
                    "received_bytes" => Some(device.recv_bytes),
                    "transmitted_bytes" => Some(device.sent_bytes),
                    "received_packets" => Some(device.recv_packets),
                    "transmitted_packets" => Some(device.sent_packets),
                    "received_errors" => Some(device.recv_errs),
                    "transmitted_errors" => Some(device.sent_errs),
                    "received_dropped" => Some(device.recv_drop),
                    "transmitted_dropped" => Some(device.sent_drop),
                    _ => None,
                });
            }
        }
        name => anyhow::bail!("no probe exists for view '{name}'"),
    }
    Ok(rows.finish(ts_us, 0))
}

/// The kernel's sequence number of a disk (`diskseq`, since Linux 5.15), which changes each time a disk is attached. Empty if there is none.
fn sequence(disk: &str) -> String {
    tiny_file(&format!("/sys/class/block/{disk}/diskseq")).unwrap_or_default()
}

fn tiny_file(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Adds a row. The mark distinguishes a device from a later device with the same name.
fn add(rows: &mut Rows, view: &View, label: Option<&str>, mark: Option<&str>, value: impl Fn(&str) -> Option<u64>) {
    for (column, definition) in view.columns.iter().enumerate() {
        match definition.kind {
            pganalytics_views::Kind::Label => rows.set_text(column, label),
            _ => rows.set_int(column, value(&definition.name).and_then(|value| i64::try_from(value).ok())),
        }
    }
    if !view.marks.is_empty() {
        rows.set_text(view.columns.len(), mark);
    }
    rows.end_row();
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array as _;
    use pganalytics_views::ViewSet;

    #[test]
    fn every_host_view_is_read_and_all_its_columns_are_filled() -> anyhow::Result<()> {
        let views = ViewSet::builtin()?;
        for name in ["host_cpu", "host_memory", "host_load", "host_disk", "host_network"] {
            let view = views.get(name).with_context(|| format!("view {name}"))?;
            let snapshot = read(view, 1)?;
            assert_eq!(snapshot.columns.len(), view.columns.len());
            for (column, array) in view.columns.iter().zip(&snapshot.columns) {
                assert!(array.null_count() < snapshot.rows.max(1), "{name}.{} is always null", column.name);
            }
        }
        Ok(())
    }
}
