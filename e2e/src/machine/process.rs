//! A child process that never outlives its owner: dropping it ends it, and where the owner is killed, the kernel ends it
//! (`setpriv --pdeathsig`, Linux). As root, a child can be made to run as another user, since PostgreSQL refuses root.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::harm::network;

/// The user children drop to where the owner is root: `nobody`, present everywhere.
pub const UNPRIVILEGED: u32 = 65_534;
/// How long a child may take to end in order before it is killed.
const FAREWELL: Duration = Duration::from_secs(20);

/// What to start and how.
#[derive(Debug)]
pub struct Spec {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    /// Run as [`UNPRIVILEGED`] where we are root.
    pub unprivileged: bool,
    /// Sent by [`Process`] when it is dropped, and by the kernel when its owner dies.
    pub farewell: Signal,
    /// The network namespace it lives in, where not in that of this process: see [`crate::harm::network`].
    pub namespace: Option<String>,
    /// Takes standard error; standard output goes to the same name with `.out`.
    pub log: PathBuf,
}

impl Spec {
    /// A program that is asked to end with SIGTERM.
    #[must_use]
    pub fn new(program: &Path, log: &Path) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            unprivileged: false,
            farewell: Signal::TERM,
            namespace: network::entered(),
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

    /// The command line with whatever must stand in front of it.
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

    /// Starts it.
    ///
    /// # Errors
    /// When the log cannot be created or the program cannot be started.
    pub fn spawn(self) -> Result<Process> {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let output = self.log.with_extension("out");
        let create = |path: &Path| File::create(path).with_context(|| format!("create {}", path.display()));
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(create(&output)?).stderr(create(&self.log)?);
        // A group of its own: Ctrl-C at the terminal reaches only us, and we end our children in the right order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let (reply, answer) = sync_channel(1);
        SPAWNER.send((command, reply)).context("hand the command to the spawning thread")?;
        let child = answer.recv().context("hear from the spawning thread")?.with_context(|| format!("start {}", self.program.display()))?;
        Ok(Process { name, child, farewell: self.farewell, log: self.log, output })
    }
}

/// A running child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    farewell: Signal,
    log: PathBuf,
    output: PathBuf,
}

impl Process {
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read(&self.output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// What it wrote to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Its exit status, if it has ended.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("ask whether {} has ended", self.name))
    }

    /// An error where it has ended, with the end of what it said.
    ///
    /// # Errors
    /// See above.
    pub fn still_running(&mut self) -> Result<()> {
        let Some(status) = self.ended()? else { return Ok(()) };
        bail!("{} ended early with {status}: {}{}", self.name, tail(&self.output()), tail(&self.log()))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When there is nobody to take it.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
        kill_process(id, signal).with_context(|| format!("send a signal to {}", self.name))
    }

    /// Waits for its end; past the deadline it is killed, and that is an error.
    ///
    /// # Errors
    /// See above.
    pub fn join(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if start.elapsed() > deadline {
                self.kill();
                bail!("{} had not ended after {} s and was killed; it said: {}", self.name, deadline.as_secs(), tail(&self.log()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// When it did not end in time.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if self.ended()?.is_none() {
            self.signal(self.farewell)?;
        }
        self.join(FAREWELL)
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(&mut self) {
        // Failing means that it is gone already.
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

/// Whether we may, and must, run PostgreSQL as somebody else.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or fails: with what it said.
pub fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {}", command.get_program().display()))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].map(|bytes| tail(&String::from_utf8_lossy(&bytes))).concat();
        bail!("{} failed ({}, signal {:?}): {said}", command.get_program().display(), output.status, output.status.signal());
    }
    Ok(())
}

/// The kernel's death signal goes out when the *thread* that started the child ends, so all children are started by one thread
/// that lives as long as the process.
static SPAWNER: LazyLock<Sender<(Command, SyncSender<std::io::Result<Child>>)>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<(Command, SyncSender<std::io::Result<Child>>)>();
    std::thread::spawn(move || {
        for (mut command, reply) in receiver {
            // Whoever asked and has gone meanwhile: the child is dropped unclaimed, and the kernel ends it with us.
            let _ = reply.send(command.spawn());
        }
    });
    sender
});

/// Starts that thread, where it does not run yet: it and its children live where whoever starts it lives.
pub(crate) fn start_spawner() {
    LazyLock::force(&SPAWNER);
}

fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        Signal::KILL => "KILL",
        _ => "TERM",
    }
}

fn tail(text: &str) -> String {
    const LINES: usize = 30;
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        out.push('\n');
        out.push_str(line);
    }
    out
}
