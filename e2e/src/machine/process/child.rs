//! A running child.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::run::tail;

/// How long a child may take to end after its farewell signal before it is killed.
const FAREWELL: Duration = Duration::from_secs(20);

/// A running child. Dropping the value ends the child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    farewell: Signal,
    log: PathBuf,
    output: PathBuf,
}

impl Process {
    pub(super) fn new(name: String, child: Child, farewell: Signal, log: PathBuf, output: PathBuf) -> Self {
        Self { name, child, farewell, log, output }
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        read(&self.output)
    }

    /// The standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// The exit status, if the child has ended.
    ///
    /// # Errors
    /// If the system does not answer.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("ask whether {} has ended", self.name))
    }

    /// Checks that the child still runs.
    ///
    /// # Errors
    /// If the child has ended; the error has the end of its output.
    pub fn still_running(&mut self) -> Result<()> {
        let Some(status) = self.ended()? else { return Ok(()) };
        bail!("{} ended early with {status}: {}{}", self.name, tail(&self.output()), tail(&self.log()))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If the child has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
        kill_process(id, signal).with_context(|| format!("send a signal to {}", self.name))
    }

    /// Waits until the child ends.
    ///
    /// # Errors
    /// If the child runs past the deadline; it is killed then.
    pub fn join(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if start.elapsed() > deadline {
                self.kill();
                bail!("{} had not ended after {} s and was killed; its log: {}", self.name, deadline.as_secs(), tail(&self.log()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends the farewell signal and waits until the child ends.
    ///
    /// # Errors
    /// If the child does not end in time.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if self.ended()?.is_none() {
            self.signal(self.farewell)?;
        }
        self.join(FAREWELL)
    }

    /// Sends SIGKILL and waits until the child is gone.
    pub fn kill(&mut self) {
        // Both fail only if the child is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error:#}");
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
