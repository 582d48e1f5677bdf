//! SQL can only read.

use pganalytics_lake::QueryErrorKind;

use crate::folders::files;
use crate::rows::{Row, batch, noon};
use crate::world::World;

#[tokio::test]
async fn statements_that_do_not_only_read_are_forbidden() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    for sql in [
        "create table x as select 1",
        "create view x as select 1",
        "create external table x stored as parquet location '/etc/passwd'",
        "create external table x stored as csv location 'file:///etc/passwd'",
        "copy pg_stat_statements to '/tmp/stolen.parquet'",
        "copy (select 1) to 'x.csv' stored as csv",
        "insert into pg_stat_statements (calls) values (1)",
        "update pg_stat_statements set calls = 0",
        "delete from pg_stat_statements",
        "truncate pg_stat_statements",
        "drop table pg_stat_statements",
        "drop schema public",
        "alter table pg_stat_statements rename to x",
        "create schema x",
        "create database x",
        "create function f() returns int return 1",
        "set datafusion.execution.batch_size = 1",
        "set timezone = 'UTC'",
        "reset datafusion.execution.batch_size",
        "prepare p as select 1",
        "execute p",
        "deallocate p",
        "begin",
        "commit",
        "use x",
        "analyze pg_stat_statements",
        "vacuum",
        "grant select on pg_stat_statements to x",
        "select 1; drop table pg_stat_statements",
        "select 1; select 2",
        "select 1 as x into y",
        "explain copy pg_stat_statements to '/tmp/stolen.parquet'",
        "explain analyze copy pg_stat_statements to '/tmp/stolen.parquet'",
        "explain insert into pg_stat_statements (calls) values (1)",
        "explain create table x as select 1",
        "with x as (insert into pg_stat_statements (calls) values (1) returning calls) select * from x",
        "with x as (delete from pg_stat_statements) select 1",
    ] {
        let error = world.query(sql).await.expect_err(sql);
        let is_refused = matches!(error.kind, QueryErrorKind::Forbidden | QueryErrorKind::Syntax);
        assert!(is_refused, "{sql}: {:?} {error}", error.kind);
    }
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "1");
    assert_eq!(files(world.folder.path()).len(), 0);
    assert!(!std::path::Path::new("/tmp/stolen.parquet").exists());
}

#[tokio::test]
async fn no_file_or_url_is_a_table() {
    let world = World::new().await;
    for sql in [
        "select * from '/etc/passwd'",
        "select * from 'file:///etc/passwd'",
        "select * from \"https://example.org/x.parquet\"",
        "select * from \"lake://files/x.parquet\"",
        "select * from read_parquet('/etc/passwd')",
        "select * from parquet_metadata('/etc/passwd')",
        "select * from meta.db",
        "select * from users",
        "select * from batches",
    ] {
        let error = world.query(sql).await.expect_err(sql);
        assert!(matches!(error.kind, QueryErrorKind::Plan | QueryErrorKind::Syntax), "{sql}: {:?} {error}", error.kind);
    }
}

#[tokio::test]
async fn statements_that_only_read_are_answered() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    for sql in [
        "select 1",
        "SELECT 1;",
        "values (1), (2)",
        "with x as (select calls from pg_stat_statements) select sum(calls) from x",
        "with recursive n as (select 1 as i union all select i + 1 from n where i < 5) select max(i) from n",
        "select 1 union all select 2",
        "explain select * from pg_stat_statements",
        "explain analyze select sum(calls) from pg_stat_statements",
        "show tables",
        "show columns from pg_stat_statements",
        "describe pg_stat_statements",
        "select table_name, column_name, data_type from information_schema.columns",
        "select table_name, column_name, help from pganalytics.columns",
        "select table_name, summary from pganalytics.tables",
        "select * from pganalytics_server",
        "select date_bin(interval '1 minute', ts) as t, sum(calls) / 60 from public.pg_stat_statements group by t order by t",
        "select round(avg(total_exec_time)::numeric, 2) from pg_stat_statements where ts > now() - interval '7 days'",
        "select server, row_number() over (partition by server order by ts) from pg_stat_statements",
        "select count(*) filter (where calls > 0), string_agg(server, ', ') from pg_stat_statements where server ~ '^a' and datname ilike 'SH%'",
        "select to_char(ts, 'HH24:MI'), extract(hour from ts), ts at time zone 'Europe/Berlin' from pg_stat_statements",
        "select approx_percentile_cont(0.95) within group (order by total_exec_time) from pg_stat_statements",
        "select repeat('x', 10) || lpad('1', 3, '0') || concat('a', server) || replace(server, 'a', 'b') from pg_stat_statements",
    ] {
        let answer = world.query(sql).await;
        assert!(answer.is_ok(), "{sql}: {}", answer.unwrap_err());
    }
}
