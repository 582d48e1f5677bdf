//! Large and many statements: reading them writes no temporary files on the server.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use e2e::drive::Watched;
use e2e::servers::postgres::{Options, execute};
use e2e::wait::{PATIENCE, until};

/// Temporary files by the server's log, and by its statistics.
async fn temporary_files(watched: &Watched) -> Result<(usize, i64)> {
    let logged = watched.postgres.log().lines().filter(|line| line.contains("temporary file")).count();
    let mut session = watched.postgres.connect().await?;
    let counted = sqlx::query_scalar("select sum(temp_files)::int8 from pg_stat_database").fetch_one(&mut session).await?;
    Ok((logged, counted))
}

/// Runs a hundred statements with texts of a megabyte.
async fn run_large_statements(session: &mut sqlx::PgConnection) -> Result<()> {
    let comment = "x".repeat(1_000_000);
    for columns in 1..=100 {
        // The number of columns makes another statement.
        execute(session, &format!("select {}1 /* {comment} */", "1, ".repeat(columns))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_hundred_texts_of_a_megabyte_are_read_without_temporary_files() -> Result<()> {
    for major in [14, 18] {
        let mut watched = Watched::start_with(major, Options::default().set("log_temp_files", "0")).await?;
        let mut session = watched.postgres.connect().await?;
        run_large_statements(&mut session).await?;
        // A collector that starts knows no text, and reads those of statements that run. PostgreSQL returns all texts to each reading, also if the
        // collector takes them in several readings.
        let read = "select count(*) from pg_stat_statements_text where query_bytes > 1000000";
        watched.collector.stop()?;
        let before = watched.api().integer(read).await?;
        watched.collector.run()?;
        watched.rounds(1).await?;
        run_large_statements(&mut session).await?;
        until("more large texts", PATIENCE, async || {
            let texts = watched.api().integer(read).await?;
            ensure!(texts > before, "{texts} texts, {before} before");
            Ok(Some(()))
        })
        .await
        .with_context(|| watched.collector.log())?;
        watched.rounds(2).await?;
        assert_eq!(temporary_files(&watched).await?, (0, 0), "on {major}");
    }
    Ok(())
}

#[tokio::test]
async fn the_numbers_of_many_statements_are_read_without_temporary_files() -> Result<()> {
    let options = Options::default().set("log_temp_files", "0").set("pg_stat_statements.max", "20000");
    let watched = Watched::start_with(16, options).await?;
    let columns =
        ["oid", "relname", "relnamespace", "reltype", "reloftype", "relowner", "relam", "relfilenode", "reltablespace", "relpages"];
    let columns =
        columns.into_iter().chain(["reltuples", "relallvisible", "reltoastrelid", "relhasindex", "relisshared", "relpersistence"]);
    let columns: Vec<_> = columns.chain(["relkind", "relnatts", "relchecks", "relhasrules", "relhastriggers", "relhassubclass"]).collect();
    let mut session = watched.postgres.connect().await?;
    for one in &columns {
        let mut statements = String::new();
        for two in &columns {
            for three in &columns {
                let _ = write!(statements, "select {one}, {two}, {three} from pg_class limit 0;");
            }
        }
        execute(&mut session, &statements).await?;
    }
    let statements = i64::try_from(columns.len().pow(3))?;
    until("all statements", PATIENCE, async || {
        let read = watched.api().integer("select count(distinct queryid) from pg_stat_statements").await?;
        ensure!(read >= statements, "{read} statements");
        Ok(Some(()))
    })
    .await
    .with_context(|| watched.collector.log())?;
    watched.rounds(2).await?;
    assert_eq!(temporary_files(&watched).await?, (0, 0));
    Ok(())
}
