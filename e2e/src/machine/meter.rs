//! The CPU time, memory and disk that a process has used, as the kernel counts them. Linux only.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The unit of `/proc/<pid>/stat` on every Linux architecture, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds, user and system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    /// Of all threads of the process.
    pub own: f64,
    /// Of the children that have ended and were waited for.
    pub ended_children: f64,
}

/// The CPU time that a process has used.
///
/// # Errors
/// If the process is gone.
pub fn cpu(process: u32) -> Result<Cpu> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    // The process name stands in parentheses and may contain any character.
    let (_, fields) = stat.rsplit_once(')').with_context(|| format!("parse {path}"))?;
    let fields: Vec<f64> = fields.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    let seconds = |at: usize| fields.get(at).copied().unwrap_or(0.0) / TICKS_PER_SECOND;
    Ok(Cpu { own: seconds(11) + seconds(12), ended_children: seconds(13) + seconds(14) })
}

/// CPU seconds of a process with one thread, exact to the nanosecond.
///
/// # Errors
/// If the process is gone.
pub fn cpu_exact(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/schedstat");
    let stat = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let nanoseconds: f64 = stat.split_whitespace().next().and_then(|field| field.parse().ok()).with_context(|| format!("parse {path}"))?;
    Ok(nanoseconds / 1e9)
}

/// Resident memory in bytes: now, and at its peak.
///
/// # Errors
/// If the process is gone.
pub fn memory(process: u32) -> Result<(f64, f64)> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let find = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("find {key} in {path}"))?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().with_context(|| format!("parse {key} in {path}"))?;
        anyhow::Ok(kilobytes * 1024.0)
    };
    Ok((find("VmRSS:")?, find("VmHWM:")?))
}

/// The living children of a process, with their command lines.
///
/// # Errors
/// If the process is gone.
pub fn children(process: u32) -> Result<Vec<(u32, String)>> {
    let path = format!("/proc/{process}/task/{process}/children");
    let list = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let mut children = Vec::new();
    for id in list.split_whitespace().filter_map(|id| id.parse().ok()) {
        // The parent counts a child that has ended meanwhile.
        if let Ok(line) = fs::read(format!("/proc/{id}/cmdline")) {
            children.push((id, String::from_utf8_lossy(&line).trim_end_matches('\0').to_owned()));
        }
    }
    Ok(children)
}

/// The bytes of all files in a folder.
///
/// # Errors
/// If the folder cannot be read.
pub fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry.with_context(|| format!("read {}", folder.display()))?;
        // A file that was merged away meanwhile counts nothing.
        let Ok(about) = entry.metadata() else { continue };
        bytes += if about.is_dir() { folder_bytes(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

/// The median of several measurements.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
