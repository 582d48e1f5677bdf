//! Which program to start, and how.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::child::Process;
use super::run::{UNPRIVILEGED, is_root};
use super::spawner;
use crate::machine::namespace;

/// Which program to start, and how.
#[derive(Debug)]
pub struct Spec {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    /// Run as [`UNPRIVILEGED`] if this process is root.
    pub unprivileged: bool,
    /// The signal that [`Process`] sends when it is dropped, and the kernel sends when the owner dies.
    pub farewell: Signal,
    /// The network namespace of the child; by default the namespace of this thread.
    pub namespace: Option<String>,
    /// The file for standard error. Standard output goes to the same name with the ending `.out`.
    pub log: PathBuf,
}

impl Spec {
    /// A program that ends on SIGTERM.
    #[must_use]
    pub fn new(program: &Path, log: &Path) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            unprivileged: false,
            farewell: Signal::TERM,
            namespace: namespace::entered(),
            log: log.to_owned(),
        }
    }

    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The command line with the programs that set the child up (`ip netns exec`, `setpriv`).
    #[must_use]
    pub fn command(&self) -> Command {
        let drop_user = self.unprivileged && is_root();
        let mut command = if cfg!(target_os = "linux") {
            let mut command = match &self.namespace {
                None => Command::new("setpriv"),
                Some(namespace) => {
                    let mut command = Command::new("ip");
                    command.args(["netns", "exec", namespace, "setpriv"]);
                    command
                }
            };
            command.args(["--pdeathsig", signal_name(self.farewell)]);
            if drop_user {
                let id = UNPRIVILEGED.to_string();
                command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
            }
            command.arg("--").arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the program.
    ///
    /// # Errors
    /// If the log cannot be created or the program cannot be started.
    pub fn spawn(self) -> Result<Process> {
        let output = self.log.with_extension("out");
        let create = |path: &Path| File::create(path).with_context(|| format!("create {}", path.display()));
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(create(&output)?).stderr(create(&self.log)?);
        // A process group of its own: Ctrl-C at the terminal reaches only this process, which ends its children in the right order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = spawner::spawn(command)?.with_context(|| format!("start {}", self.program.display()))?;
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Process::new(name, child, self.farewell, self.log, output))
    }
}

fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        Signal::KILL => "KILL",
        _ => "TERM",
    }
}
