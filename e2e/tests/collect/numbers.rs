//! Numbers that never lie: what is renamed, dropped, reset, granted or cut between two readings changes no other number, on every version.

use anyhow::{Context, Result};
use e2e::api::Api;
use e2e::drive::watched::{calls, judge, nothing_failed, repeat, rounds, truth};
use e2e::drive::{Backend, Collector, Watched};
use e2e::servers::Postgres;
use e2e::servers::postgres::{MAJORS, execute};
use e2e::wait::{PATIENCE, until};

const STATEMENT: &str = "select count(*) as counted_statement from pg_class";

/// Runs a case on every version, and names the version that fails.
macro_rules! on_every_version {
    ($case:ident) => {
        async {
            for major in MAJORS {
                $case(major).await.with_context(|| format!("on version {major}"))?;
            }
            Ok(())
        }
        .await
    };
}

/// A counter of a relation, as the server has it. `id` is a regclass.
async fn counted(postgres: &Postgres, counter: &str, id: &str) -> Result<i64> {
    let mut session = postgres.connect().await?;
    let sql = format!("select {counter}('{id}'::regclass)::int8");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut session).await?)
}

async fn oid(postgres: &Postgres, id: &str) -> Result<i64> {
    let mut session = postgres.connect().await?;
    let sql = format!("select '{id}'::regclass::oid::int8");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut session).await?)
}

/// Waits until relations were read `count` times more.
async fn readings(api: &Api, count: i64) -> Result<()> {
    let polls = "select coalesce(sum(polls), 0) from pganalytics_cost where view = 'pg_stat_user_indexes' and errors = 0";
    let before = api.integer(polls).await?;
    until("relations to be read again", PATIENCE, async || Ok((api.integer(polls).await? >= before + count).then_some(()))).await
}

fn inserted(relid: i64) -> String {
    format!("select sum(n_tup_ins) from pg_stat_user_tables where relid = {relid}")
}

async fn a_dropped_index(major: u32) -> Result<()> {
    let watched = Watched::start(major).await?;
    let (postgres, api) = (&watched.postgres, watched.api());
    postgres.execute("create table a (id int, n int); create index a_id on a (id); create index a_n on a (n)").await?;
    postgres.execute("insert into a select n, n from generate_series(1, 200000) as n; analyze a").await?;
    let used = "set enable_seqscan = off; select * from a where id = 5; select * from a where n = 6; select * from a where n = 7";
    postgres.execute(used).await?;
    let relid = oid(postgres, "a").await?;
    api.integer_is(&inserted(relid), 200_000).await?;
    let scans = format!("select sum(idx_scan) from pg_stat_user_tables where relid = {relid}");
    api.integer_is(&scans, 3).await?;

    // One index goes, the other is used more often than the first ever was: the sum grows.
    postgres.execute("drop index a_n; insert into a values (0, 0)").await?;
    postgres
        .execute("set enable_seqscan = off; select * from a where id = 1; select * from a where id = 2; select * from a where id = 3")
        .await?;
    api.integer_is(&inserted(relid), 200_001).await?;
    readings(api, 3).await?;
    assert_eq!(counted(postgres, "pg_stat_get_tuples_inserted", "a").await?, 200_001);
    assert_eq!(api.integer(&inserted(relid)).await?, 200_001);
    let lost = format!("select count(*) from pg_stat_user_tables where relid = {relid} and idx_scan is null and n_tup_ins is not null");
    assert!(api.integer(&lost).await? > 0, "the sum over the indexes has no delta in the interval of the drop");
    assert!(api.integer(&scans).await? <= 6);
    postgres.execute("set enable_seqscan = off; select * from a where id = 4").await?;
    readings(api, 3).await?;

    // A rewrite keeps the table's counters and makes its indexes anew.
    postgres.execute("alter table a alter n type bigint; insert into a values (0, 0)").await?;
    api.integer_is(&inserted(relid), counted(postgres, "pg_stat_get_tuples_inserted", "a").await?).await?;
    judge(api).await?;
    nothing_failed(api).await
}

#[tokio::test]
async fn a_dropped_index_leaves_the_tables_own_counters_right() -> Result<()> {
    on_every_version!(a_dropped_index)
}

async fn refreshed(major: u32) -> Result<()> {
    let watched = Watched::start(major).await?;
    let (postgres, api) = (&watched.postgres, watched.api());
    postgres
        .execute(
            "create materialized view m as select n, string_agg(md5((n * i)::text), '') as wide
             from generate_series(1, 50) as n, generate_series(1, 300) as i group by n;
             create unique index m_n on m (n); alter materialized view m alter wide set storage external; refresh materialized view m;
             create table plain (id int primary key); insert into plain select generate_series(1, 1000)",
        )
        .await?;
    postgres.execute("select sum(length(wide)) from m").await?;
    let relid = oid(postgres, "m").await?;
    api.rows_of(&format!("select 1 from pg_stat_user_tables where relid = {relid} and toast_blks_hit > 0")).await?;
    // The TOAST table is another one after a refresh, and so are the counters behind the sums.
    postgres.execute("refresh materialized view m").await?;
    postgres.execute("select sum(length(wide)) from m, generate_series(1, 3)").await?;
    readings(api, 3).await?;
    // REINDEX CONCURRENTLY gives the new index the counters of the old one.
    for _ in 0..30 {
        postgres.execute("set enable_seqscan = off; select * from plain where id = 5").await?;
    }
    let scans = "select sum(idx_scan) from pg_stat_user_indexes where indexrelname like 'plain_pkey%'";
    until("the scans to be seen", PATIENCE, async || Ok((api.integer(scans).await? >= 25).then_some(()))).await?;
    postgres.execute("reindex table concurrently plain").await?;
    readings(api, 3).await?;
    let known = api.integer(scans).await?;
    assert!(known <= 30, "only {known} of 30 scans were collected");
    let of_table = api.integer("select sum(idx_scan) from pg_stat_user_tables where relname = 'plain'").await?;
    assert!(of_table <= 30, "only {of_table} of 30 scans were collected");
    judge(api).await?;
    nothing_failed(api).await
}

#[tokio::test]
async fn sums_over_toast_and_indexes_that_are_made_anew_count_nothing_twice() -> Result<()> {
    on_every_version!(refreshed)
}

async fn renamed(major: u32) -> Result<()> {
    let watched = Watched::start(major).await?;
    let (postgres, api) = (&watched.postgres, watched.api());
    postgres.execute("create schema s; create table s.a (id int primary key); create table s.b (id int); create role before login").await?;
    postgres.execute("insert into s.a select generate_series(1, 100000); insert into s.b select generate_series(1, 7)").await?;
    let mut session = postgres.connect_to("postgres", "before", None).await?;
    repeat(&mut session, STATEMENT, 40).await?;
    let (queryid, _) = truth(&mut postgres.connect().await?, STATEMENT).await?;
    let (a, b) = (oid(postgres, "s.a").await?, oid(postgres, "s.b").await?);
    api.integer_is(&inserted(a), 100_000).await?;
    api.integer_is(&inserted(b), 7).await?;
    api.integer_is(&calls(queryid), 40).await?;

    postgres
        .execute(
            "alter table s.a rename to swap; alter table s.b rename to a; alter table s.swap rename to b; alter schema s rename to t;
             alter index t.a_pkey rename to renamed; alter role before rename to after; insert into t.b select generate_series(200000, 200002)",
        )
        .await?;
    repeat(&mut session, STATEMENT, 2).await?;
    api.integer_is(&inserted(a), 100_003).await?;
    api.integer_is(&calls(queryid), 42).await?;
    readings(api, 3).await?;
    rounds(api, "db", 2).await?;
    assert_eq!(api.integer(&inserted(a)).await?, 100_003);
    assert_eq!(api.integer(&inserted(b)).await?, 7);
    assert_eq!(api.integer(&calls(queryid)).await?, 42);
    let names = format!("select distinct schemaname, relname from pg_stat_user_tables where relid = {a} order by 1");
    assert_eq!(serde_json::json!(api.sql(&names).await?), serde_json::json!([["s", "a"], ["t", "b"]]));
    let roles = format!("select usename from pg_stat_statements where queryid = {queryid} and calls = 2");
    assert_eq!(serde_json::json!(api.sql(&roles).await?), serde_json::json!([["after"]]));
    judge(api).await?;
    nothing_failed(api).await
}

#[tokio::test]
async fn names_may_change_and_the_counters_go_on() -> Result<()> {
    on_every_version!(renamed)
}

async fn granted(major: u32) -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(major), Backend::start())?;
    postgres.execute("create extension pg_stat_statements; create role watcher login").await?;
    let mut session = postgres.connect().await?;
    repeat(&mut session, STATEMENT, 160).await?;
    let (queryid, _) = truth(&mut session, STATEMENT).await?;
    let collector = Collector::start(&backend, &[("db", postgres.conninfo("watcher", None))]).await?;
    rounds(&backend.api, "db", 2).await?;
    postgres.execute("grant pg_monitor to watcher").await?;
    rounds(&backend.api, "db", 3).await?;
    let known = backend.api.sql(&calls(queryid)).await?;
    assert!(known[0][0].is_null() || known[0][0] == 0, "rows that became visible were counted as new: {known:?}");
    repeat(&mut session, STATEMENT, 40).await?;
    backend.api.integer_is(&calls(queryid), 40).await?;
    // Without the privilege the statement is hidden; what was called meanwhile is not known when it is seen again.
    postgres.execute("revoke pg_monitor from watcher").await?;
    rounds(&backend.api, "db", 2).await?;
    repeat(&mut session, STATEMENT, 500).await?;
    postgres.execute("grant pg_monitor to watcher").await?;
    rounds(&backend.api, "db", 3).await?;
    assert_eq!(backend.api.integer(&calls(queryid)).await?, 40);
    drop(collector);
    Ok(())
}

#[tokio::test]
async fn rows_that_become_visible_are_a_baseline() -> Result<()> {
    on_every_version!(granted)
}

async fn reset(major: u32) -> Result<()> {
    let watched = Watched::start(major).await?;
    let (postgres, api) = (&watched.postgres, watched.api());
    postgres.execute("create table a (id int); create table b (id int)").await?;
    postgres.execute("insert into a select generate_series(1, 1000); insert into b select generate_series(1, 1000)").await?;
    let mut session = postgres.connect().await?;
    repeat(&mut session, STATEMENT, 10).await?;
    let (queryid, _) = truth(&mut session, STATEMENT).await?;
    let (a, b) = (oid(postgres, "a").await?, oid(postgres, "b").await?);
    api.integer_is(&calls(queryid), 10).await?;
    api.integer_is(&inserted(a), 1_000).await?;
    api.integer_is(&inserted(b), 1_000).await?;

    // More than before the reset, within one reading or over two of them.
    execute(&mut session, "select pg_stat_statements_reset()").await?;
    repeat(&mut session, STATEMENT, 100).await?;
    api.integer_is(&calls(queryid), 110).await?;
    rounds(api, "db", 2).await?;
    assert_eq!(api.integer(&calls(queryid)).await?, 110);

    // One table is reset, the other is not.
    postgres.execute("select pg_stat_reset_single_table_counters('a'::regclass)").await?;
    postgres.execute("insert into a select generate_series(1, 20); insert into b select generate_series(1, 30)").await?;
    api.integer_is(&inserted(a), 1_020).await?;
    api.integer_is(&inserted(b), 1_030).await?;

    // All are reset, and one of them counts more than before.
    readings(api, 3).await?;
    postgres.execute("select pg_stat_reset()").await?;
    postgres.execute("insert into a select generate_series(1, 3000); insert into b select generate_series(1, 5)").await?;
    api.integer_is(&inserted(a), 4_020).await?;
    api.integer_is(&inserted(b), 1_035).await?;
    readings(api, 2).await?;
    assert_eq!(api.integer(&inserted(a)).await?, 4_020);
    judge(api).await?;
    nothing_failed(api).await
}

#[tokio::test]
async fn a_reset_loses_and_invents_nothing_even_above_the_old_values() -> Result<()> {
    on_every_version!(reset)
}

async fn cut(major: u32) -> Result<()> {
    let (postgres, backend) = tokio::try_join!(Postgres::start(major), Backend::start())?;
    postgres.execute("create extension pg_stat_statements").await?;
    let tables: String = (1..=20).map(|n| format!("create table t{n:02} (id int); ")).collect();
    postgres.execute(&tables).await?;
    let mut collector = Collector::prepare(&backend, &[("db", postgres.conninfo("postgres", None))]).await?;
    collector.configure(
        "[view.pg_stat_user_tables]
max_rows = 4
[view.pg_stat_statements]
max_rows = 6",
    )?;
    collector.run()?;
    let api = &backend.api;
    rounds(api, "db", 2).await?;
    readings(api, 2).await?;
    let inserts: String = (1..=20).map(|n| format!("insert into t{n:02} select generate_series(1, {n}); ")).collect();
    postgres.execute(&inserts).await?;
    // Small, and last by name and by oid: the busiest all the same.
    postgres.execute("create table zzz (id int)").await?;
    postgres.execute("insert into zzz select generate_series(1, 40)").await?;
    api.integer_is("select sum(n_tup_ins) from pg_stat_user_tables", 250).await?;
    let named = "select sum(n_tup_ins) from pg_stat_user_tables where relname";
    assert_eq!(api.integer(&format!("{named} = 'zzz'")).await?, 40);
    assert!(api.integer(&format!("{named} = '(other)'")).await? > 0);
    let rows = api.integer("select max(n) from (select count(*) as n from pg_stat_user_tables group by ts)").await?;
    assert!(rows <= 4, "{rows} rows of a table that keeps 4");
    api.rows_of("select 1 from pganalytics_cost where view = 'pg_stat_user_tables' having sum(rows_cut) > 0").await?;
    judge(api).await?;
    nothing_failed(api).await
}

#[tokio::test]
async fn what_is_cut_is_the_least_and_its_sum_is_shipped() -> Result<()> {
    on_every_version!(cut)
}

async fn described(major: u32) -> Result<()> {
    let watched = Watched::start(major).await?;
    let (postgres, api) = (&watched.postgres, watched.api());
    postgres
        .execute(
            "create table p (id int, n int, region int) partition by range (id);
             create table p1 partition of p for values from (0) to (1000) partition by list (region);
             create table p1a partition of p1 for values in (1); create index p_n on p (n);
             create table k (id int primary key, u int unique, e int not null, f int, x int4range, exclude using gist (x with &&));
             create unique index k_e on k (e); alter table k replica identity using index k_e; create unique index k_f on k (f);
             create table child (f int references k (u)); create index k_plain on k (f);
             insert into p select n, n, 1 from generate_series(1, 999) as n",
        )
        .await?;
    let (p, p1) = (oid(postgres, "p").await?, oid(postgres, "p1").await?);
    api.rows_of("select 1 from pg_stat_user_tables where relname = 'p1a' and total_size > 0").await?;
    let trees = "select distinct relname, parent_relid, root_relid, total_size is null as is_empty from pg_stat_user_tables \
                 where relname in ('p', 'p1', 'child') or (relname = 'p1a' and total_size > 0) order by 1";
    let expected = serde_json::json!([["child", null, null, false], ["p", null, p, true], ["p1", p, p, true], ["p1a", p1, p, false]]);
    assert_eq!(serde_json::json!(api.sql(trees).await?), expected);

    let (p_n, p1_n) = (oid(postgres, "p_n").await?, oid(postgres, "p1_n_idx").await?);
    assert_ne!(p_n, p1_n);
    let indexes = "select distinct indexrelname, is_primary, is_unique, is_constraint, is_replica_identity, parent_indexrelid \
                   from pg_stat_user_indexes where schemaname = 'public' order by 1";
    let expected = serde_json::json!([
        ["k_e", false, true, false, true, null],
        ["k_f", false, true, false, false, null],
        ["k_pkey", true, true, true, false, null],
        ["k_plain", false, false, false, false, null],
        ["k_u_key", false, true, true, false, null],
        ["k_x_excl", false, false, true, false, null],
        ["p1a_n_idx", false, false, false, false, p1_n],
    ]);
    assert_eq!(serde_json::json!(api.sql(indexes).await?), expected);
    nothing_failed(api).await
}

#[tokio::test]
async fn partitions_name_their_tree_and_indexes_say_what_needs_them() -> Result<()> {
    on_every_version!(described)
}
