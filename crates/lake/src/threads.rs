//! Threads for long computations (queries, merges). On the threads that answer requests, such a computation would delay a batch that needs
//! the thread for a millisecond only.

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle, Runtime};

/// The nice value of threads that leave the cores to other work; see nice(2).
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
    /// Threads for one query at a time: one per core, each with a stack of `stack` bytes. `behind`: they take only what other work leaves of
    /// the cores.
    ///
    /// # Errors
    /// If threads cannot be started.
    pub(crate) fn of_query(stack: usize, behind: bool) -> anyhow::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.thread_name("query").thread_stack_size(stack);
        if behind {
            builder.on_thread_start(lower_priority);
        }
        Self::start(&mut builder)
    }

    /// One thread that watches the threads of queries.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn of_keeper() -> anyhow::Result<Self> {
        Self::of(1, Builder::new_multi_thread().thread_name("query-keeper"))
    }

    /// Threads for background work, which take only idle cores.
    ///
    /// # Errors
    /// If threads cannot be started.
    pub(crate) fn of_compaction() -> anyhow::Result<Self> {
        Self::start(Builder::new_multi_thread().thread_name("compaction").on_thread_start(lower_priority))
    }

    fn start(builder: &mut Builder) -> anyhow::Result<Self> {
        Self::of(std::thread::available_parallelism().map_or(1, usize::from), builder)
    }

    fn of(threads: usize, builder: &mut Builder) -> anyhow::Result<Self> {
        let runtime = builder.worker_threads(threads).enable_all().build().context("cannot start threads")?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle })
    }

    /// The handle to spawn work on these threads.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether no thread computes at this moment.
    pub(crate) fn is_at_rest(&self) -> bool {
        let metrics = self.handle.metrics();
        // The count of parkings and unparkings is odd while a thread is parked.
        (0..metrics.num_workers()).all(|worker| metrics.worker_park_unpark_count(worker) % 2 == 1)
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
        tracing::debug!(%error, "background threads run at the priority of requests");
    }
}
