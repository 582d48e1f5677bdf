//! PostgreSQL servers of the harness: versions, restarts, passwords, standbys.

use e2e::servers::Postgres;
use e2e::servers::postgres::{Ending, MAJORS, Options};
use e2e::wait::{PATIENCE, until};
use sqlx::Row;

#[tokio::test]
async fn every_version_starts_with_statement_statistics() -> anyhow::Result<()> {
    for major in MAJORS {
        let server = Postgres::start(major).await?;
        server.execute("create extension pg_stat_statements").await?;
        let mut connection = server.connect().await?;
        let row = sqlx::query("select current_setting('server_version_num')::int4 / 10000").fetch_one(&mut connection).await?;
        assert_eq!(row.get::<i32, _>(0), i32::try_from(major)?);
    }
    Ok(())
}

#[tokio::test]
async fn a_server_survives_a_restart_and_a_crash_on_its_port() -> anyhow::Result<()> {
    let mut server = Postgres::start_with(17, Options::default().scram()).await?;
    server.execute("create table kept (id int); insert into kept values (1)").await?;
    for ending in [Ending::Fast, Ending::Immediate] {
        server.execute("checkpoint").await?;
        server.stop(ending)?;
        server.run().await?;
        server.execute("do $$ begin assert (select count(*) = 1 from kept); end $$").await?;
    }
    server.execute("create role somebody login password 'right'").await?;
    assert!(server.connect_to("postgres", "somebody", Some("wrong")).await.is_err());
    server.connect_to("postgres", "somebody", Some("right")).await?;
    Ok(())
}

#[tokio::test]
async fn a_standby_follows_its_primary() -> anyhow::Result<()> {
    let mut primary = Postgres::start(18).await?;
    let standby = primary.standby().await?;
    primary.execute("create table followed (id int)").await?;
    until("the table on the standby", PATIENCE, async || {
        standby.execute("select from followed").await?;
        let mut connection = standby.connect().await?;
        let recovering: bool = sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(&mut connection).await?;
        Ok(recovering.then_some(()))
    })
    .await
}
