//! Statements over a connection.

use anyhow::{Context, Result};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

/// Runs one or more statements without parameters.
///
/// # Errors
/// The server's.
pub async fn execute(connection: &mut PgConnection, sql: &str) -> Result<()> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.with_context(|| format!("run {}", head(sql)))?;
    Ok(())
}

fn head(sql: &str) -> String {
    const SHOWN: usize = 120;
    sql.trim().chars().take(SHOWN).collect()
}
