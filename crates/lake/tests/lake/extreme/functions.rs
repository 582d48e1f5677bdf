//! Every function of DataFusion, with the largest and the oddest arguments.

use std::time::Duration;

use datafusion::execution::SessionStateDefaults;
use futures::StreamExt as _;
use pganalytics_lake::QueryErrorKind;

use super::{in_a_process, is_fair, rest, world};

/// Arguments, as SQL over the columns of [`FROM`]: numbers, texts, times, patterns, nulls, a list.
const ARGUMENTS: &[&str] = &[
    "9223372036854775807",
    "-9223372036854775808",
    "n",
    "1e308",
    "t",
    "'(a|b|ab)*[ab]{50}c'",
    "ts",
    "interval '178000000 years'",
    "null",
    "l",
    "true",
    "0.5",
];
/// The most arguments of a call.
const MOST: usize = 4;
/// The calls that run at once.
const AT_ONCE: usize = 4;
/// Rows with a long text, a number, a time and a list.
const FROM: &str = "(select repeat('ab', cast(calls as bigint) * 100) as t, calls as n, ts, l from pg_stat_statements \
     cross join (select array_agg(calls) as l from pg_stat_statements))";

#[test]
fn every_function_is_refused_or_keeps_to_its_bounds() {
    in_a_process("functions::of_datafusion");
}

#[tokio::test]
#[ignore = "runs in a process of its own, started by every_function_is_refused_or_keeps_to_its_bounds"]
async fn of_datafusion() {
    let world = world(Duration::from_secs(20)).await;
    let allowed = world.query("select distinct routine_name from information_schema.routines").await.unwrap();
    let is_allowed = |name: &str| allowed.lines().any(|line| line.trim_matches(['|', ' ']) == name);
    let mut seen = 0;
    for (kind, name) in names() {
        let is_allowed = kind == Kind::Table || is_allowed(&name);
        let statements: Vec<String> = combinations().iter().map(|arguments| statement(kind, &name, arguments)).collect();
        let statements = if is_allowed { &statements[..] } else { &statements[..1] };
        let outcomes = futures::stream::iter(statements).map(async |sql| (sql, world.query(sql).await)).buffer_unordered(AT_ONCE);
        let outcomes: Vec<_> = outcomes.collect().await;
        for (sql, outcome) in outcomes {
            // Some functions of DataFusion panic at extreme arguments. That ends the query, and nothing else.
            let broke_off = outcome.as_ref().is_err_and(|error| error.message.contains("internal error"));
            assert!(is_fair(&outcome) || broke_off, "{sql}: {outcome:?}");
            if broke_off {
                println!("broke off: {sql}");
            }
            seen += usize::from(outcome.is_ok());
            if !is_allowed {
                let error = outcome.expect_err(sql);
                assert!(matches!(error.kind, QueryErrorKind::Plan | QueryErrorKind::Syntax), "{sql}: {error}");
            }
        }
    }
    assert!(seen > 500, "only {seen} calls had an answer, so this test calls functions wrongly");
    rest(&world).await;
    assert_eq!(world.one("select 1").await, "1");
}

fn statement(kind: Kind, name: &str, arguments: &[&str]) -> String {
    let call = format!("{name}({})", arguments.join(", "));
    match kind {
        Kind::Scalar | Kind::Aggregate => format!("select {call} from {FROM}"),
        Kind::Window => format!("select {call} over (order by n) from {FROM}"),
        Kind::Table => format!("select count(*) from {call}"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scalar,
    Aggregate,
    Window,
    Table,
}

/// Every function that DataFusion registers by default, with its aliases. Aggregates are window functions, too.
fn names() -> Vec<(Kind, String)> {
    let with = |kind, name: &str, aliases: &[String]| {
        std::iter::once(name.to_owned()).chain(aliases.iter().cloned()).map(move |name| (kind, name)).collect::<Vec<_>>()
    };
    let mut names = Vec::new();
    for function in SessionStateDefaults::default_scalar_functions() {
        names.extend(with(Kind::Scalar, function.name(), function.aliases()));
    }
    for function in SessionStateDefaults::default_aggregate_functions() {
        names.extend(with(Kind::Aggregate, function.name(), function.aliases()));
        names.extend(with(Kind::Window, function.name(), function.aliases()));
    }
    for function in SessionStateDefaults::default_window_functions() {
        names.extend(with(Kind::Window, function.name(), function.aliases()));
    }
    for function in SessionStateDefaults::default_table_functions() {
        names.extend(with(Kind::Table, function.name(), &[]));
    }
    names.retain(|(_, name)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    names
}

/// Lists of arguments: each alone, and lists that rotate through them, with any first argument and with a text.
fn combinations() -> Vec<Vec<&'static str>> {
    let at = |index: usize| ARGUMENTS[index % ARGUMENTS.len()];
    let mut lists = vec![Vec::new()];
    for (first, argument) in ARGUMENTS.iter().enumerate() {
        lists.push(vec![*argument]);
        lists.push(vec![*argument; 2]);
        for count in 2..=MOST {
            lists.push((0..count).map(|next| at(first + next)).collect());
            lists.push(std::iter::once("t").chain((1..count).map(|next| at(first + next))).collect());
        }
    }
    lists
}
