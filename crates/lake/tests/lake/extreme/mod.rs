//! Statements that ask for as much as SQL lets them. Each ends with an answer or an error, and the process survives.
//!
//! The statements run in a process of their own with little memory, so that a statement that takes too much ends that process, not the
//! tests and not the machine.

mod functions;
mod generated;
mod statements;

use std::process::{Command, Stdio};
use std::time::Duration;

use pganalytics_lake::{QueryError, QueryErrorKind};

use crate::rows::{Row, batch, noon};
use crate::world::World;

/// The memory of the process. Queries may reserve [`QUERY_MEMORY`] of it; stacks of threads are addresses, not memory, but count here.
const PROCESS_MEMORY: u64 = 4 << 30;
/// The memory that all queries of the lake may reserve.
const QUERY_MEMORY: usize = 32 << 20;

/// Runs an ignored test of this file's modules in a process of its own.
fn in_a_process(test: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([&format!("extreme::{test}"), "--exact", "--ignored", "--nocapture"]).stdin(Stdio::null());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test}: {}\n{}", output.status, tail(&text));
    assert!(text.contains("1 passed"), "{test} did not run:\n{}", tail(&text));
}

fn tail(text: &str) -> String {
    let from = text.lines().count().saturating_sub(40);
    text.lines().skip(from).collect::<Vec<_>>().join("\n")
}

/// A lake with some rows, in a process with little memory.
async fn world(deadline: Duration) -> World {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::As, Rlimit { current: Some(PROCESS_MEMORY), maximum: Some(PROCESS_MEMORY) }).unwrap();
    let world = World::with(|options| {
        options.query_memory = QUERY_MEMORY;
        options.query_deadline = deadline;
        options.spill_disk = 64 << 20;
    });
    let world = world.await;
    let rows: Vec<Row> = (0..20).map(|n| Row::new(noon(), "a", n, n)).collect();
    world.ingest(batch(1, &rows)).await.unwrap();
    world
}

/// Whether an outcome is one that a statement may have: an answer, or an error that is about the statement and not about the backend.
fn is_fair(outcome: &Result<String, QueryError>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(error) => !matches!(error.kind, QueryErrorKind::Damaged | QueryErrorKind::Store) && !error.message.contains("internal error"),
    }
}

/// Waits until no query runs. The queries that cannot be stopped must end, too.
async fn rest(world: &World) {
    loop {
        let stats = world.lake.stats().await;
        if stats.running_queries == 0 && stats.stuck_queries == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
