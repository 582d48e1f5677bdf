//! Threads apart from those that answer requests. What computes for long without a pause (a query, a merge) would keep a batch waiting that
//! needs its thread for a millisecond.

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle, Runtime};

/// How far behind requests and queries those threads stand for a core that nobody has to wait for (see nice(2)).
#[cfg(target_os = "linux")]
const BEHIND: i32 = 10;

/// A runtime of its own; left to end by itself, since waiting is not allowed where a lake may be dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    /// None only while it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Threads {
    /// For queries: a thread a core, each with a stack of so many bytes.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub(crate) fn of_queries(stack: usize) -> anyhow::Result<Self> {
        Self::start(Builder::new_multi_thread().thread_name("query").thread_stack_size(stack))
    }

    /// For work that nobody waits for: it takes the cores that others leave.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub(crate) fn of_compaction() -> anyhow::Result<Self> {
        Self::start(Builder::new_multi_thread().thread_name("compaction").on_thread_start(stand_behind))
    }

    fn start(builder: &mut Builder) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = builder.worker_threads(cores).enable_all().build().context("start threads")?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle })
    }

    /// Where to run what belongs on these threads.
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

/// Lets this thread stand behind the others. On Linux alone a thread has a priority of its own.
fn stand_behind() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(BEHIND) {
        tracing::debug!(%error, "compact at the priority of requests");
    }
}
