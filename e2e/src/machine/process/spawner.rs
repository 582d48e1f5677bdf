//! The thread that starts all children.
//!
//! The kernel sends a child's death signal when the *thread* that started the child ends. So one thread starts all children and lives as long as
//! this process.

use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};

use anyhow::{Context, Result};

type Request = (Command, SyncSender<std::io::Result<Child>>);

static SPAWNER: LazyLock<Sender<Request>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<Request>();
    std::thread::spawn(move || {
        for (mut command, reply) in receiver {
            // If the caller has gone, the child is dropped here, and the kernel ends it with this process.
            let _ = reply.send(command.spawn());
        }
    });
    sender
});

/// Starts the thread if it does not run yet. A thread lives in the network namespace of the thread that starts it, and so do its children.
pub(crate) fn start_spawner() {
    LazyLock::force(&SPAWNER);
}

/// Starts a child. The outer error is the thread's, the inner one the system's.
///
/// # Errors
/// If the thread has ended.
pub(super) fn spawn(command: Command) -> Result<std::io::Result<Child>> {
    let (reply, answer) = sync_channel(1);
    SPAWNER.send((command, reply)).context("hand the command to the spawning thread")?;
    answer.recv().context("receive the child from the spawning thread")
}
