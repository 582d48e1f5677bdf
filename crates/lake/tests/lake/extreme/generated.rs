//! Statements from a grammar: joins, groups, windows, subqueries, recursions and functions nested at random.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{in_a_process, is_fair, rest, world};

/// The number of statements. Each has the deadline below.
const STATEMENTS: u32 = 100;
/// The statements that had an answer.
static ANSWERED: AtomicU32 = AtomicU32::new(0);

#[test]
fn statements_of_a_grammar_end_and_the_process_survives() {
    in_a_process("generated::at_random");
}

#[test]
#[ignore = "runs in a process of its own, started by statements_of_a_grammar_end_and_the_process_survives"]
fn at_random() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(world(Duration::from_millis(500)));
    let mut runner = TestRunner::new(Config { cases: STATEMENTS, failure_persistence: None, max_shrink_iters: 50, ..Config::default() });
    let outcome = runner.run(&query(3), |sql| {
        let outcome = runtime.block_on(async {
            let outcome = world.query(&sql).await;
            rest(&world).await;
            outcome
        });
        // DataFusion's nested loop join panics if it must read an input again, which ends the query, and nothing else.
        let broke_off = outcome.as_ref().is_err_and(|error| error.message.contains("internal error"));
        prop_assert!(is_fair(&outcome) || broke_off, "{}: {:?}", sql, outcome);
        ANSWERED.fetch_add(u32::from(outcome.is_ok()), Ordering::Relaxed);
        Ok(())
    });
    outcome.unwrap();
    let answered = ANSWERED.load(Ordering::Relaxed);
    assert!(answered > STATEMENTS / 10, "only {answered} of {STATEMENTS} statements had an answer, so the grammar proves little");
    assert_eq!(runtime.block_on(world.one("select 1")), "1");
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(words).prop_map(str::to_owned)
}

/// A table with the columns `n` (a number) and `t` (a text).
fn table(depth: u32) -> BoxedStrategy<String> {
    let series = one_of(&["1", "1000", "1000000", "1000000000"])
        .prop_map(|count| format!("(select value as n, cast(value as text) as t from generate_series(1, {count}))"));
    let stored = Just("(select calls as n, server as t from pg_stat_statements)".to_owned());
    if depth == 0 {
        return prop_oneof![series, stored].boxed();
    }
    let nested = query(depth - 1).prop_map(|query| format!("({query})"));
    let joined = (table(depth - 1), table(depth - 1), one_of(&["join", "left join", "full join", "cross join"]), condition());
    let joined = joined.prop_map(|(a, b, how, on)| {
        let on = if how == "cross join" { String::new() } else { format!(" on {}", on.replace("{n}", "a.n").replace("{m}", "b.n")) };
        format!("(select a.n as n, b.t as t from {a} a {how} {b} b{on})")
    });
    prop_oneof![2 => series, 1 => stored, 2 => nested, 2 => joined].boxed()
}

/// A condition over two numbers, `{n}` and `{m}`.
fn condition() -> BoxedStrategy<String> {
    one_of(&["{n} = {m}", "{n} % 2 = {m} % 2", "{n} > {m}", "{n} = {m} and {n} > 5", "true", "{n} in (1, 2, 3)"]).boxed()
}

fn number(depth: u32) -> BoxedStrategy<String> {
    let leaf = one_of(&["n", "1", "0", "-1", "9223372036854775807", "length(t)", "null", "n % 7"]);
    if depth == 0 {
        return leaf.boxed();
    }
    let binary =
        (number(depth - 1), one_of(&["+", "-", "*", "/", "%"]), number(depth - 1)).prop_map(|(a, op, b)| format!("({a} {op} {b})"));
    let of_text = (one_of(&["length", "octet_length", "ascii"]), text(depth - 1)).prop_map(|(f, t)| format!("{f}({t})"));
    let call = (one_of(&["abs", "floor", "coalesce", "greatest"]), number(depth - 1)).prop_map(|(f, n)| format!("{f}({n})"));
    prop_oneof![2 => leaf, 2 => binary, 1 => of_text, 1 => call].boxed()
}

fn text(depth: u32) -> BoxedStrategy<String> {
    let leaf = one_of(&["t", "'x'", "''", "'%_a+b'", "null", "'é'"]);
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = || text(depth - 1);
    let sized = (one_of(&["repeat", "lpad", "rpad", "left"]), inner(), number(depth - 1)).prop_map(|(f, t, n)| format!("{f}({t}, {n})"));
    let joined = (inner(), inner()).prop_map(|(a, b)| format!("({a} || {b})"));
    let three = (one_of(&["replace", "regexp_replace", "translate"]), inner(), inner(), inner());
    let three = three.prop_map(|(f, a, b, c)| format!("{f}({a}, {b}, {c})"));
    let cast = number(depth - 1).prop_map(|n| format!("cast({n} as text)"));
    let simple = (one_of(&["upper", "reverse", "trim"]), inner()).prop_map(|(f, t)| format!("{f}({t})"));
    prop_oneof![2 => leaf, 2 => sized, 2 => joined, 1 => three, 1 => cast, 1 => simple].boxed()
}

/// A query with the columns `n` and `t`.
fn query(depth: u32) -> BoxedStrategy<String> {
    let plain = (number(depth), text(depth), table(depth)).prop_map(|(n, t, from)| format!("select {n} as n, {t} as t from {from}"));
    let grouped = (
        one_of(&["count(*)", "sum(n)", "max(n)", "count(distinct n)", "approx_percentile_cont(0.5) within group (order by n)"]),
        one_of(&["max(t)", "string_agg(t, ',')", "min(t)", "cast(array_agg(n) as text)", "first_value(t order by n)"]),
        table(depth),
        one_of(&["", " group by n", " group by n % 10", " group by t", " group by cube (n % 2, t)", " group by rollup (n, t)"]),
    );
    let grouped = grouped.prop_map(|(n, t, from, by)| format!("select {n} as n, {t} as t from {from}{by}"));
    let windowed = (
        one_of(&["row_number()", "sum(n)", "lag(n, 3)", "lead(n, 50000)", "ntile(5)", "array_agg(n)", "count(distinct n)", "max(n)"]),
        one_of(&["", "partition by n % 3", "partition by t", "partition by n % 100000"]),
        one_of(&["", "order by n", "order by t, n"]),
        one_of(&[
            "",
            "rows between 10 preceding and current row",
            "rows between current row and unbounded following",
            "range between 5 preceding and 5 following",
        ]),
        table(depth),
    );
    let windowed = windowed.prop_map(|(f, by, order, frame, from)| {
        let frame = if order.is_empty() { "" } else { frame.as_str() };
        format!("select {f} over ({by} {order} {frame}) as n, t from {from}")
    });
    let unnested =
        table(depth).prop_map(|from| format!("select unnest(l) as n, t from (select array_agg(n) as l, max(t) as t from {from})"));
    let recursive = (number(1), condition()).prop_map(|(n, stop)| {
        let stop = stop.replace("{n}", "n").replace("{m}", "1000");
        format!("with recursive r as (select 1 as n, 'x' as t union all select cast({n} as bigint), t || 'y' from r where {stop}) select n, t from r")
    });
    let sorted = (table(depth), one_of(&["n", "t", "t desc, n", "n % 1000"]))
        .prop_map(|(from, by)| format!("select n, t from {from} order by {by} limit 1000000"));
    let combined = (table(depth), table(depth), one_of(&["union", "union all", "intersect", "except"]))
        .prop_map(|(a, b, how)| format!("select n, t from {a} {how} select n, t from {b}"));
    prop_oneof![3 => plain, 3 => grouped, 3 => windowed, 1 => unnested, 1 => recursive, 1 => sorted, 1 => combined].boxed()
}
