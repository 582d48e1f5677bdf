//! Every function of DataFusion, with the largest and the oddest arguments.

use std::time::Duration;

use datafusion::execution::SessionStateDefaults;
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
/// The most arguments of a call. Calls with three and more arguments take some of the combinations.
const MOST: usize = 4;
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
        for arguments in combinations() {
            let call = format!("{name}({})", arguments.join(", "));
            let sql = match kind {
                Kind::Scalar => format!("select {call} from {FROM}"),
                Kind::Aggregate => format!("select {call} from {FROM}"),
                Kind::Window => format!("select {call} over (order by n) from {FROM}"),
                Kind::Table => format!("select count(*) from {call}"),
            };
            let outcome = world.query(&sql).await;
            assert!(is_fair(&outcome), "{sql}: {outcome:?}");
            seen += usize::from(outcome.is_ok());
            if kind != Kind::Table && !is_allowed(&name) {
                let error = outcome.expect_err(&sql);
                assert!(matches!(error.kind, QueryErrorKind::Plan | QueryErrorKind::Syntax), "{sql}: {error}");
                break;
            }
        }
    }
    assert!(seen > 500, "only {seen} calls had an answer, so this test calls functions wrongly");
    rest(&world).await;
    assert_eq!(world.one("select 1").await, "1");
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

/// Lists of arguments: all of up to two, and from there on those that repeat or rotate.
fn combinations() -> Vec<Vec<&'static str>> {
    let mut lists = vec![Vec::new()];
    lists.extend(ARGUMENTS.iter().map(|argument| vec![*argument]));
    lists.extend(ARGUMENTS.iter().flat_map(|first| ARGUMENTS.iter().map(|second| vec![*first, *second])));
    for count in 3..=MOST {
        for (at, first) in ARGUMENTS.iter().enumerate() {
            lists.push(vec![*first; count]);
            lists.push((0..count).map(|next| ARGUMENTS[(at + next) % ARGUMENTS.len()]).collect());
            // A text with sizes, patterns or positions.
            lists.push(std::iter::once("t").chain((1..count).map(|next| ARGUMENTS[(at + next) % ARGUMENTS.len()])).collect());
        }
    }
    lists
}
