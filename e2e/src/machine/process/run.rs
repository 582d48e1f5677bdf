//! Runs a command to its end, and says which user may run what.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The user that children run as if the owner is root: `nobody`, which every system has.
pub const UNPRIVILEGED: u32 = 65_534;

/// Whether this process runs as root, and so must run PostgreSQL as another user.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command to its end.
///
/// # Errors
/// If the command cannot be started or fails; the error has the end of its output.
pub fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {}", command.get_program().display()))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].map(|bytes| tail(&String::from_utf8_lossy(&bytes))).concat();
        bail!("{} failed ({}, signal {:?}): {printed}", command.get_program().display(), output.status, output.status.signal());
    }
    Ok(())
}

/// The last lines of a text, each after a newline.
pub(super) fn tail(text: &str) -> String {
    const LINES: usize = 30;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].iter().flat_map(|line| ["\n", line]).collect()
}
