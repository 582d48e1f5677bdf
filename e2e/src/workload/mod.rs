//! The workload of a small shop: visitors who browse and buy, a report that sorts too much, and a DBA's usual troubles (lock waits, sessions idle in a
//! transaction, dead rows, a growing table, an unused index). Every visitor pauses after each step, so the workload takes a modest part of one core.
//!
//! Uses `servers` (to run statements). Used by the demo.

mod pace;
mod schema;
mod troubles;
mod visitors;

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::task::JoinSet;

pub use schema::{DATABASE, prepare};

/// Visitors at a time: enough for overlapping sessions, few enough for two cores.
const VISITORS: u64 = 6;
/// The pause before a task that lost its connection tries again.
const RETRY: Duration = Duration::from_secs(2);

/// The running workload. Dropping the value ends it.
#[derive(Debug)]
pub struct Workload(JoinSet<()>);

impl Workload {
    /// Starts the workload. `server` connects as superuser; [`prepare`] must have run.
    #[must_use]
    pub fn start(server: &PgConnectOptions) -> Self {
        let mut tasks = JoinSet::new();
        for number in 0..VISITORS {
            let application = if number % 3 == 0 { "mobile-api" } else { "webshop" };
            let options = session(server, "shop_app", application);
            tasks.spawn(forever(application, options, async move |shop| visitors::visit(shop, number).await));
        }
        let batch = session(server, "shop_batch", "order-batch");
        tasks.spawn(forever("order-batch", batch, visitors::process_orders));
        let report = session(server, "shop_report", "sales-report");
        tasks.spawn(forever("sales-report", report, troubles::report));
        let forgotten = session(server, "shop_app", "legacy-admin");
        tasks.spawn(forever("legacy-admin", forgotten, troubles::stay_idle_in_transaction));
        for (application, first) in [("stock-sync", true), ("warehouse", false)] {
            let options = session(server, "shop_batch", application);
            tasks.spawn(forever(application, options, async move |shop| troubles::fight_over_a_row(shop, first).await));
        }
        Self(tasks)
    }

    /// Ends all sessions.
    pub async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

fn session(server: &PgConnectOptions, user: &str, application: &str) -> PgConnectOptions {
    server.clone().database(DATABASE).username(user).password(schema::PASSWORD).application_name(application).disable_statement_logging()
}

async fn forever(name: &str, options: PgConnectOptions, mut work: impl AsyncFnMut(&mut PgConnection) -> Result<()>) {
    let mut last = String::new();
    loop {
        let outcome = async {
            let mut shop = PgConnection::connect_with(&options).await.context("connect")?;
            loop {
                work(&mut shop).await?;
            }
        };
        let outcome: Result<()> = outcome.await;
        if let Err(error) = outcome {
            let error = format!("workload {name}: {error:#}");
            // Prints the same error once: a restart of the server must not fill the terminal.
            if error != last {
                eprintln!("{error}");
                last = error;
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}
