//! Names with quotes, newlines and emoji, and other encodings.

use anyhow::Result;
use e2e::drive::Watched;
use e2e::drive::watched::{judge, nothing_failed};
use e2e::servers::postgres::{MAJORS, execute};

#[tokio::test]
async fn names_with_quotes_newlines_and_emoji_are_read_unchanged() -> Result<()> {
    const DATABASE: &str = "data\"base 'with'\nall 🐘";
    const TABLE: &str = "ta\"ble 'with'\nall 🐘";
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let literal = |name: &str| name.replace('\'', "''");
    for major in [MAJORS[0], MAJORS[4]] {
        let watched = Watched::start(major).await?;
        watched.postgres.execute(&format!("create role {} login", quoted("ro\"le 🐘"))).await?;
        watched.postgres.execute(&format!("create database {} owner {}", quoted(DATABASE), quoted("ro\"le 🐘"))).await?;
        let mut session = watched.postgres.connect_to(DATABASE, "ro\"le 🐘", None).await?;
        execute(
            &mut session,
            &format!("create table {0} (id int primary key); insert into {0} select generate_series(1, 10)", quoted(TABLE)),
        )
        .await?;
        let long = "x".repeat(63);
        execute(&mut session, &format!("create table {long} (id int)")).await?;
        drop(session);
        let api = watched.api();
        watched.rows_of(&format!("select 1 from pg_stat_database where datname = '{}' limit 1", literal(DATABASE))).await?;
        watched
            .rows_of(&format!(
                "select 1 from pg_stat_user_tables where datname = '{}' and relname = '{}' limit 1",
                literal(DATABASE),
                literal(TABLE)
            ))
            .await?;
        watched.rows_of(&format!("select 1 from pg_stat_user_tables where relname = '{long}' limit 1")).await?;
        watched.rows_of("select 1 from pg_stat_statements where usename = 'ro\"le 🐘' limit 1").await?;
        judge(api).await?;
        nothing_failed(api).await?;
    }
    Ok(())
}

#[tokio::test]
async fn databases_in_other_encodings_are_read() -> Result<()> {
    let watched = Watched::start(17).await?;
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let database = format!("in_{}", encoding.to_lowercase());
        watched.postgres.execute(&format!("create database {database} encoding '{encoding}' template template0")).await?;
        let mut session = watched.postgres.connect_to(&database, "postgres", None).await?;
        if encoding == "SQL_ASCII" {
            // Bytes that are no UTF-8: the server does not convert them.
            execute(&mut session, "set client_encoding = 'SQL_ASCII'; create table plain (id int); insert into plain values (1)").await?;
            let odd = "do $$ begin execute 'create table ' || quote_ident(convert_from('\\x6ffc6464'::bytea, 'SQL_ASCII')) || ' (id int)'; end $$";
            execute(&mut session, odd).await?;
        } else {
            execute(&mut session, "create table \"größe\" (id int); insert into \"größe\" values (1)").await?;
        }
    }
    let api = watched.api();
    watched.rows_of("select 1 from pg_stat_user_tables where datname = 'in_latin1' and relname = 'größe' limit 1").await?;
    watched.rows_of("select 1 from pg_stat_user_tables where datname = 'in_sql_ascii' and relname = 'plain' limit 1").await?;
    watched.rows_of("select 1 from pg_stat_user_tables where datname = 'in_sql_ascii' and relname like 'o%dd' limit 1").await?;
    judge(api).await?;
    nothing_failed(api).await
}
