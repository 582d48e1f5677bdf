//! Every view's SQL on every version: it runs with few rights, on a standby and beside held locks, returns exactly the declared columns and types, and
//! its labels identify its rows.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use e2e::servers::Postgres;
use e2e::servers::postgres::{MAJORS, execute};
use e2e::wait::{PATIENCE, until};
use pganalytics_views::{Column, Type, View, ViewSet};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Column as _, Executor, SqlSafeStr, Statement, TypeInfo};

/// The settings of a collector's session that a query can depend on.
const SESSION: &str = "set default_transaction_read_only = on; set lock_timeout = '100ms'; set search_path = ''";

/// A schema whose name must be quoted.
const SCHEMA: &str = "\"Sta\"\"ts 📈\"";

/// Makes objects of every kind that the views read, with difficult names and some statistics.
async fn furnish(server: &Postgres) -> Result<()> {
    let long = "x".repeat(63);
    server
        .execute(&format!(
            "create schema {SCHEMA}; create extension pg_stat_statements schema {SCHEMA};
             create role monitor login; grant pg_monitor to monitor; create role nobody_at_all login;
             grant usage on schema {SCHEMA} to public;
             create table \"quo\"\"ted 'both'\" (id int primary key, wide text);
             create table \"line\nbreak\" (id int);
             create table \"emoji 🐘\" (id int); create index \"index 🐘\" on \"emoji 🐘\" (id);
             create table {long} (id int);
             create table parts (id int, primary key (id)) partition by range (id);
             create table part1 partition of parts for values from (0) to (100);
             create unlogged table unlogged (id int); create temp table temporary (id int);
             create materialized view matview as select 1 as one;
             insert into \"quo\"\"ted 'both'\" select n, repeat('x', 5000) from generate_series(1, 50) as n;
             insert into parts select generate_series(1, 50);
             analyze; select count(*) from parts"
        ))
        .await?;
    server.execute("create database \"data\"\"base 🐘\nwith 'all'\"").await?;
    server.execute("create role \"Ro\"\"le 🐘\" login").await
}

fn sql(view: &View, major: u32) -> Option<String> {
    view.sql_for(major).map(|sql| sql.replace("{schema}", SCHEMA).replace("{limit}", &view.max_rows.to_string()))
}

fn expected_type(column: &Column) -> &'static str {
    match column.r#type {
        Type::Bool => "BOOL",
        Type::Int8 => "INT8",
        Type::Float8 | Type::Duration => "FLOAT8",
        Type::Text => "TEXT",
        Type::Timestamptz => "TIMESTAMPTZ",
    }
}

/// Checks that the query's columns and types are those that the definition has for this version, and that the query runs.
async fn check_shape(connection: &mut PgConnection, view: &View, major: u32, sql: &str) -> Result<()> {
    let statement = connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await?;
    let found: BTreeMap<_, _> =
        statement.columns().iter().map(|column| (column.name().to_owned(), column.type_info().name().to_owned())).collect();
    let declared: BTreeMap<_, _> = view
        .columns
        .iter()
        .chain(view.marks.iter().map(|mark| &mark.column))
        .filter(|column| column.is_in(major))
        .map(|column| (column.name.clone(), expected_type(column).to_owned()))
        .collect();
    ensure!(found == declared, "columns are {found:?}\ndeclared {declared:?}");
    execute(connection, sql).await
}

async fn check_labels(connection: &mut PgConnection, view: &View, sql: &str) -> Result<()> {
    let labels: Vec<_> = view.labels().map(|column| format!("quote_nullable({})", column.name)).collect();
    let key = if labels.is_empty() { "''".to_owned() } else { labels.join(" || ',' || ") };
    let sql = format!("select k from (select {key} as k from ({sql}\n) as q) as w group by k having count(*) > 1");
    let twice: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await?;
    ensure!(twice.is_empty(), "these labels occur more than once: {twice:?}");
    Ok(())
}

async fn check_version(major: u32) -> Result<()> {
    let server = Postgres::start(major).await?;
    furnish(&server).await?;
    let views = ViewSet::builtin()?;
    for user in ["postgres", "monitor"] {
        for database in ["postgres", "data\"base 🐘\nwith 'all'"] {
            let mut connection = server.connect_to(database, user, None).await?;
            execute(&mut connection, SESSION).await?;
            for view in views.iter() {
                if view.extension.is_some() && database != "postgres" {
                    continue;
                }
                let Some(sql) = sql(view, major) else { continue };
                check_shape(&mut connection, view, major, &sql).await.with_context(|| format!("{} as {user} on {major}", view.name))?;
                check_labels(&mut connection, view, &sql).await.with_context(|| format!("{} as {user} on {major}", view.name))?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_view_has_its_declared_shape_on_14() -> Result<()> {
    check_version(14).await
}

#[tokio::test]
async fn every_view_has_its_declared_shape_on_15() -> Result<()> {
    check_version(15).await
}

#[tokio::test]
async fn every_view_has_its_declared_shape_on_16() -> Result<()> {
    check_version(16).await
}

#[tokio::test]
async fn every_view_has_its_declared_shape_on_17() -> Result<()> {
    check_version(17).await
}

#[tokio::test]
async fn every_view_has_its_declared_shape_on_18() -> Result<()> {
    check_version(18).await
}

/// SQL for a version that is not tested would be unproven.
#[test]
fn no_sql_is_for_a_version_that_is_not_tested() -> Result<()> {
    for view in ViewSet::builtin()?.iter() {
        for sql in &view.sql {
            assert!(MAJORS.contains(&sql.from), "{}: from = {} is not among the tested versions {MAJORS:?}", view.name, sql.from);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_role_without_rights_reads_what_it_may_or_gets_a_missing_privilege() -> Result<()> {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    for major in MAJORS {
        let server = Postgres::start(major).await?;
        furnish(&server).await?;
        let mut connection = server.connect_to("postgres", "nobody_at_all", None).await?;
        execute(&mut connection, SESSION).await?;
        for view in ViewSet::builtin()?.iter() {
            let Some(sql) = sql(view, major) else { continue };
            if let Err(error) = execute(&mut connection, &sql).await {
                let code =
                    error.downcast_ref::<sqlx::Error>().and_then(|error| error.as_database_error()?.code().map(|code| code.into_owned()));
                assert_eq!(code.as_deref(), Some(INSUFFICIENT_PRIVILEGE), "{} on {major}: {error:#}", view.name);
                assert!(view.privilege.is_some(), "{} on {major} needs a privilege its file does not name: {error:#}", view.name);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_view_is_read_on_a_standby() -> Result<()> {
    for major in [14, 18] {
        let mut primary = Postgres::start(major).await?;
        furnish(&primary).await?;
        let standby = primary.standby().await?;
        let mut connection = standby.connect().await?;
        execute(&mut connection, SESSION).await?;
        for view in ViewSet::builtin()?.iter() {
            let Some(sql) = sql(view, major) else { continue };
            execute(&mut connection, &sql).await.with_context(|| format!("{} on a standby {major}", view.name))?;
        }
    }
    Ok(())
}

/// One lock is held, and one is queued behind a reader: on a table, an index and the owner of a TOAST table.
#[tokio::test]
async fn no_view_waits_behind_an_access_exclusive_lock() -> Result<()> {
    for major in MAJORS {
        let server = Postgres::start(major).await?;
        furnish(&server).await?;
        let (mut holder, mut reader) = (server.connect().await?, server.connect().await?);
        execute(&mut holder, "begin; lock table \"quo\"\"ted 'both'\" in access exclusive mode; reindex index \"index 🐘\"").await?;
        execute(&mut reader, "begin; select count(*) from part1").await?;
        let mut queued = server.connect().await?;
        let queued = tokio::spawn(async move { execute(&mut queued, "begin; lock table part1 in access exclusive mode; rollback").await });
        let mut connection = server.connect_to("postgres", "monitor", None).await?;
        until("the lock to be queued", PATIENCE, async || {
            let waiting: i64 = sqlx::query_scalar("select count(*) from pg_locks where not granted").fetch_one(&mut connection).await?;
            Ok((waiting > 0).then_some(()))
        })
        .await?;
        execute(&mut connection, SESSION).await?;
        for view in ViewSet::builtin()?.iter() {
            let Some(sql) = sql(view, major) else { continue };
            execute(&mut connection, &sql).await.with_context(|| format!("{} on {major} beside held and queued locks", view.name))?;
        }
        execute(&mut reader, "rollback").await?;
        execute(&mut holder, "rollback").await?;
        queued.await??;
    }
    Ok(())
}
