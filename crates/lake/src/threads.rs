//! Threads for long computations (queries, merges). On the threads that answer requests, such a computation would delay a batch that needs
//! the thread for a millisecond only.

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle, Runtime};

/// The nice value of threads whose work nobody waits for; see nice(2).
#[cfg(target_os = "linux")]
const BEHIND: i32 = 10;

/// A runtime. It ends in the background when dropped, because a lake may be dropped where blocking is not allowed.
#[derive(Debug)]
pub(crate) struct Threads {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Threads {
    /// Threads for queries: one per core, each with a stack of `stack` bytes.
    ///
    /// # Errors
    /// If threads cannot be started.
    pub(crate) fn of_queries(stack: usize) -> anyhow::Result<Self> {
        Self::start(Builder::new_multi_thread().thread_name("query").thread_stack_size(stack))
    }

    /// Threads for background work, which take only idle cores.
    ///
    /// # Errors
    /// If threads cannot be started.
    pub(crate) fn of_compaction() -> anyhow::Result<Self> {
        Self::start(Builder::new_multi_thread().thread_name("compaction").on_thread_start(lower_priority))
    }

    fn start(builder: &mut Builder) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = builder.worker_threads(cores).enable_all().build().context("cannot start threads")?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle })
    }

    /// The handle to spawn work on these threads.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lowers the priority of this thread. Only Linux has priorities per thread.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(BEHIND) {
        tracing::debug!(%error, "compaction runs with the priority of requests");
    }
}
