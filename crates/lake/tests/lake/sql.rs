//! SQL: answers, errors with their position, and reading no more data than needed.

use chrono::TimeDelta;
use pganalytics_lake::{Position, Query, QueryErrorKind};
use serde_json::json;

use crate::rows::{Row, batch, noon};
use crate::world::World;

#[tokio::test]
async fn every_view_is_a_table_even_without_rows() {
    let world = World::new().await;
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "0");
    assert_eq!(world.one("select count(*) from information_schema.tables where table_schema = 'public'").await, "8");
    let columns = "select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position)
                   from information_schema.columns where table_name = 'pg_stat_statements'";
    assert_eq!(
        world.one(columns).await,
        "ts Timestamp(µs, \"UTC\"), server Utf8View, interval_ms Int64, datname Utf8View, queryid Int64, calls Int64, \
         total_exec_time Float64, load Float64, toplevel Boolean"
    );
    assert_eq!(world.one("select unit from pganalytics.columns where column_name = 'total_exec_time'").await, "ms");
}

#[tokio::test]
async fn durations_are_milliseconds() {
    let world = World::new().await;
    let rows: Vec<Row> = (1..=4).map(|calls| Row::new(noon(), "a", calls, calls)).collect();
    for compacted in [false, true] {
        if compacted {
            world.lake.compact().await.unwrap();
        } else {
            world.ingest(batch(1, &rows)).await.unwrap();
        }
        assert_eq!(world.one("select sum(total_exec_time) from pg_stat_statements").await, "15.0");
        assert_eq!(world.one("select queryid from pg_stat_statements where total_exec_time between 2.9 and 3.1").await, "2");
        assert_eq!(world.one("select queryid from pg_stat_statements order by total_exec_time desc limit 1").await, "4");
    }
}

#[tokio::test]
async fn parameters_are_bound_as_values() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 10), Row::new(noon() + TimeDelta::hours(1), "b'; drop", 2, 20)])).await.unwrap();
    let ask = async |sql: &str, parameters: serde_json::Value| {
        let parameters = parameters.as_object().unwrap().clone().into_iter().collect();
        let answer = world.lake.query(Query { parameters, ..Query::new(sql) }).await?;
        let rows: usize = answer.batches.iter().map(|batch| batch.num_rows()).sum();
        Ok::<_, pganalytics_lake::QueryError>(rows)
    };
    let from = (noon() + TimeDelta::minutes(1)).to_rfc3339();
    assert_eq!(ask("select 1 from pg_stat_statements where server = $server", json!({"server": "b'; drop"})).await.unwrap(), 1);
    assert_eq!(ask("select 1 from pg_stat_statements where ts >= $from", json!({"from": from})).await.unwrap(), 1);
    assert_eq!(
        ask("select 1 from pg_stat_statements where calls >= $calls and queryid = $q", json!({"calls": 5, "q": 1})).await.unwrap(),
        1
    );
    assert_eq!(ask("select 1 from pg_stat_statements where total_exec_time > $ms", json!({"ms": 15.5})).await.unwrap(), 1);
    assert_eq!(ask("select 1 from pg_stat_statements where toplevel = $is", json!({"is": true})).await.unwrap(), 2);
    assert_eq!(ask("select 1 from pg_stat_statements where $s is null or server = $s", json!({"s": null})).await.unwrap(), 2);
    assert_eq!(ask("select 1 from pg_stat_statements where server = $1", json!({"1": "a"})).await.unwrap(), 1);
    assert_eq!(ask("select 1 from pg_stat_statements limit $n", json!({"n": 1})).await.unwrap(), 1);
    assert_eq!(
        ask("select 1 from pg_stat_statements where ts between $from::timestamptz and now()", json!({"from": from})).await.unwrap(),
        1
    );
    let interval = "select date_bin($step::interval, ts), sum(calls) from pg_stat_statements group by 1";
    assert_eq!(ask(interval, json!({"step": "1 minute"})).await.unwrap(), 2);

    let error = ask("select 1 from pg_stat_statements where server = $server", json!({})).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Plan);
    assert!(error.message.contains("$server"), "{error}");
    let error = ask("select $x", json!({"x": [1]})).await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Plan);
}

#[tokio::test]
async fn an_error_has_its_position_and_a_remedy() {
    let world = World::new().await;
    let at = |line, column| Some(Position { line, column });
    for (sql, kind, position, message, hint) in [
        ("selct 1", QueryErrorKind::Syntax, at(1, 1), "selct", ""),
        ("select 1 +", QueryErrorKind::Syntax, None, "Expected", ""),
        ("select 1\nfrom pg_stat_statements\nwhere = 1", QueryErrorKind::Syntax, at(3, 7), "=", ""),
        ("select 'x", QueryErrorKind::Syntax, at(1, 8), "Unterminated", ""),
        ("", QueryErrorKind::Syntax, None, "no statement", "select"),
        ("select cals\nfrom pg_stat_statements", QueryErrorKind::Plan, at(1, 8), "column 'cals' does not exist", "'calls'"),
        (
            "select ts,\n  s.nothing_like_it\nfrom pg_stat_statements s",
            QueryErrorKind::Plan,
            at(2, 3),
            "nothing_like_it",
            "columns here are",
        ),
        (
            "select *\nfrom pg_stat_statement",
            QueryErrorKind::Plan,
            at(2, 6),
            "table 'pg_stat_statement' does not exist",
            "'pg_stat_statements'",
        ),
        ("select summ(calls) from pg_stat_statements", QueryErrorKind::Plan, at(1, 8), "summ", ""),
        ("select calls + server from pg_stat_statements where calls = interval '1 day'", QueryErrorKind::Plan, None, "", ""),
        ("select server, sum(calls) from pg_stat_statements", QueryErrorKind::Plan, at(1, 8), "server", ""),
    ] {
        let error = world.query(sql).await.expect_err(sql);
        let said = format!("{sql}: {error:?}");
        assert_eq!(error.kind, kind, "{said}");
        if position.is_some() {
            assert_eq!(error.position, position, "{said}");
        }
        assert!(error.message.contains(message), "{said}");
        assert!(error.hint.clone().unwrap_or_default().contains(hint), "{said}");
        assert!(!error.message.contains("pganalytics.public."), "{said}");
    }
    let error = world.query("select 1 / (calls - calls) from (values (1)) t (calls)").await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Execution);
}

/// The values of a metric in `explain analyze`: the numbers after its name.
fn metric(plan: &str, name: &str) -> Vec<String> {
    plan.split(name).skip(1).map(|rest| rest.split([',', ']']).next().unwrap_or_default().trim_start_matches('=').to_owned()).collect()
}

#[tokio::test]
async fn files_of_other_days_and_servers_are_not_opened() {
    let world = World::new().await;
    for day in 0..3 {
        for (i, server) in ["a", "b"].into_iter().enumerate() {
            let ts = noon() - TimeDelta::days(day);
            let sequence = u64::try_from(day).unwrap() * 2 + i as u64 + 1;
            world.ingest(batch(sequence, &[Row::new(ts, server, 1, 1)])).await.unwrap();
            world.lake.compact().await.unwrap();
        }
    }
    assert_eq!(world.lake.stats().await.files, 6);
    let opened = async |filter: &str| {
        let plan = world.query(&format!("explain select sum(calls) from pg_stat_statements where {filter}")).await.unwrap();
        plan.matches(".parquet").count()
    };
    let (first, last) = (noon() - TimeDelta::hours(30), noon() - TimeDelta::hours(18));
    assert_eq!(opened("true").await, 6);
    assert_eq!(opened("server = 'a'").await, 3);
    assert_eq!(opened("server in ('a', 'x')").await, 3);
    assert_eq!(opened(&format!("ts >= '{}' and ts < '{}'", first.to_rfc3339(), last.to_rfc3339())).await, 2);
    assert_eq!(
        opened(&format!("server = 'b' and ts between timestamp '{}' and timestamp '{}'", first.naive_utc(), last.naive_utc())).await,
        1
    );
    assert_eq!(opened("ts > now() - interval '84 hours'").await, 2);
    assert_eq!(opened("ts > now()").await, 0);
    assert_eq!(opened("server = 'c'").await, 0);
}

#[tokio::test]
async fn reading_one_statement_of_a_day_skips_the_others() {
    let world = World::new().await;
    // 64 statements of 1,000 rows each: 16 pages.
    let rows: Vec<Row> = (0..64_000).map(|i| Row::new(noon() + TimeDelta::seconds(i % 1_000), "a", i / 1_000 - 32, 1)).collect();
    world.ingest(batch(1, &rows)).await.unwrap();
    world.lake.compact().await.unwrap();
    let sql = "select sum(calls), sum(total_exec_time) from pg_stat_statements where server = 'a' and queryid = 7";
    let plan = world.query(&format!("explain analyze {sql}")).await.unwrap();
    assert_eq!(metric(&plan, "page_index_pages_pruned"), ["16 total → 1 matched"], "{plan}");
    assert!(!plan.contains("FilterExec"), "the filter is in the scan: {plan}");
    assert_eq!(metric(&plan, "pushdown_rows_matched"), ["1.00 K"], "{plan}");
}

#[tokio::test]
async fn counts_and_extremes_are_answered_from_statistics() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    world.lake.compact().await.unwrap();
    for sql in ["select count(*) from pg_stat_statements", "select max(ts) from pg_stat_statements"] {
        let plan = world.query(&format!("explain {sql}")).await.unwrap();
        assert!(!plan.contains(".parquet"), "{plan}");
    }
}

#[tokio::test]
async fn to_char_accepts_the_templates_of_postgresql() {
    let world = World::new().await;
    let at = "timestamp '2026-11-29 08:05:09.123456'";
    for (template, text) in [
        ("HH24:MI", "08:05"),
        ("YYYY-MM-DD\"T\"HH24:MI:SS.US", "2026-11-29T08:05:09.123456"),
        ("DD Mon YYYY, HH12:MI AM", "29 Nov 2026, 08:05 AM"),
        ("IYYY-IW", "2026-48"),
    ] {
        assert_eq!(world.one(&format!("select to_char({at}, '{template}')")).await, text, "{template}");
    }
    let error = world.query(&format!("select to_char({at}, 'Month')")).await.expect_err("an unknown pattern").to_string();
    assert!(error.contains("known patterns are"), "{error}");
}

#[tokio::test]
async fn short_times_repeated_columns_and_fetch_first() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 10), Row::new(noon() + TimeDelta::hours(1), "b", 2, 20)])).await.unwrap();
    let (day, hour) = (noon().format("%Y-%m-%d"), noon().format("%Y-%m-%d %H:%M"));
    for compacted in [false, true] {
        if compacted {
            world.lake.compact().await.unwrap();
        }
        let count = async |filter: &str| world.one(&format!("select count(*) from pg_stat_statements where {filter}")).await;
        assert_eq!(count(&format!("ts > '{hour}'")).await, "1");
        assert_eq!(count(&format!("ts >= '{hour}'")).await, "2");
        assert_eq!(count(&format!("ts > '{day}'")).await, "2");
        assert_eq!(count(&format!("ts between '{day} 11:59' and '{hour}'")).await, "1");
        assert_eq!(count(&format!("ts in ('{hour}+00')")).await, "1");
        assert_eq!(count(&format!("ts - '{hour}' >= interval '60 minutes'")).await, "1");
        let answer =
            world.lake.query(Query::new("select ts, *, server from pg_stat_statements order by ts fetch first 1 rows only")).await.unwrap();
        let names: Vec<&str> = answer.schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names[..3], ["ts", "ts", "server"]);
        assert_eq!(names.last(), Some(&"server"));
        assert_eq!(answer.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
    }
}

#[tokio::test]
async fn a_condition_keeps_a_division_from_rows_that_it_leaves_out() {
    let world = World::new().await;
    let rows: Vec<Row> = (0..100).map(|calls| Row::new(noon(), "a", calls + 1, calls % 4)).collect();
    world.ingest(batch(1, &rows)).await.unwrap();
    for compacted in [false, true] {
        if compacted {
            world.lake.compact().await.unwrap();
        }
        let count = async |filter: &str| world.one(&format!("select count(*) from pg_stat_statements where {filter}")).await;
        assert_eq!(count("calls > 0 and 3 / calls > 1").await, "25");
        assert_eq!(count("server = 'a' and calls > 0 and total_exec_time / calls > 0 and 3 / calls = 3").await, "25");
        assert_eq!(count("calls = 0 or 3 / calls > 1").await, "50");
        let error = world.query("select count(*) from pg_stat_statements where 3 / calls > 1").await.unwrap_err();
        assert!(error.message.contains("division by zero"), "{error}");
    }
    let error = world.query("select total_exec_time / (calls - calls) from pg_stat_statements").await.unwrap_err();
    assert_eq!((error.kind, error.message.contains("division by zero")), (QueryErrorKind::Execution, true), "{error}");
}
