//! The example in the harness's documentation.

use anyhow::Result;
use e2e::drive::Watched;
use e2e::drive::watched::{calls, repeat, truth};
use e2e::servers::postgres::Options;

#[tokio::test]
async fn calls_of_a_statement_are_counted_exactly() -> Result<()> {
    let options = Options::default().set("pg_stat_statements.max", "200");
    let watched = Watched::start_configured(17, options, "[collector]\nflush = \"2s\"").await?;
    let mut session = watched.postgres.connect().await?;
    repeat(&mut session, "select count(*) as example from pg_class", 12).await?;
    let (queryid, _) = truth(&mut session, "select count(*) as example from pg_class").await?;
    watched.api().integer_is(&calls(queryid), 12).await
}
