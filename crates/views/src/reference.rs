//! `docs/views.md`, generated from the definitions.

use std::fmt::Write as _;
use std::time::Duration;

use crate::definition::{Kind, Scope, Ship, Source, Type, View};
use crate::set::ViewSet;

/// The reference of all tables, as Markdown.
#[must_use]
pub fn reference(views: &ViewSet) -> String {
    let mut out = String::from(
        "# Tables\n\n<!-- Generated from views/*.toml by `pganalytics views --markdown`; do not edit. -->\n\n\
         Three columns come first in every table: `ts` (the time of the snapshot), `server` (the server's name) and `interval_ms`\n\
         (the time that the row's deltas cover). **Counters are deltas**: `sum(calls)` over a range is the number of calls in it. A\n\
         row is stored when something changed. If nothing happened, there is no row.\n\n\
         **Labels** tell the rows of a snapshot apart. A label that is an identity, such as an oid, is the server's own and never changes; the\n\
         deltas of such a row go on when its names change. If there are more rows than a table keeps, the rows with the largest\n\
         numbers are kept, and one row with the labels `(other)` has the sums of the others.\n\n\
         A counter is null if its delta is not known: in the first snapshot of a row, and after the counter or a part of it was reset or\n\
         dropped in a way that leaves the delta open.\n\n| table | contents | read |\n|---|---|---|\n",
    );
    for view in views.iter() {
        let _ = writeln!(out, "| [`{0}`](#{0}) | {1} | every {2} |", view.name, view.summary, human(view.interval));
    }
    rollups(&mut out, views);
    for view in views.iter() {
        section(&mut out, view);
    }
    out.push_str("\n# Tables the backend computes\n\nThe backend computes them from the tables above and keeps them in memory.\n");
    for view in views.made() {
        section(&mut out, view);
    }
    out
}

fn rollups(out: &mut String, views: &ViewSet) {
    out.push_str(
        "\n## Rollups\n\n\
         For long ranges, tables have rollups with one row for each key and bin: `…_5m` (five minutes) and `…_1h` (an hour). A rollup is the\n\
         exact sum of its table's rows, including late rows and the newest ones. Rollups are kept longer than their tables.\n\n\
         | column of the table | in the rollup |\n|---|---|\n\
         | `ts` | the start of the bin |\n\
         | `interval_ms`, counters | the sum; null if all values were null |\n\
         | gauge `x`, a number | `x` at the bin's last snapshot, `x_min`, `x_max`, `x_avg`, `x_count` (snapshots in which `x` was not null) |\n\
         | gauge `x`, a bool | `x` at the last snapshot, `x_avg` (share of snapshots in which `x` was true), `x_count` |\n\
         | gauge `x`, a time | `x` at the last snapshot, `x_min`, `x_max` |\n\
         | texts | the value at the last snapshot |\n\
         | | `snapshots`: the number of summed rows; `last_ts`: the time of the last of them |\n\n\
         `sum(x_avg * x_count) / sum(x_count)` is the mean over any longer time. A table has no rollup if it has no counters and gauges, or if\n\
         it is read only once a bin or less often.\n\n| table | rollups |\n|---|---|\n",
    );
    for view in views.iter() {
        let of_view = views.rollups().filter(|rollup| rollup.rollup.as_ref().is_some_and(|origin| origin.view.name == view.name));
        let mut names: Vec<_> = of_view.map(|rollup| (rollup.interval, format!("`{}`", rollup.name))).collect();
        names.sort();
        let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let _ = writeln!(out, "| [`{0}`](#{0}) | {names} |", view.name);
    }
}

fn section(out: &mut String, view: &View) {
    let _ = write!(out, "\n## {}\n\n{}\n\n", view.name, view.summary);
    let scope = match view.scope {
        Scope::Server => "once a server",
        Scope::Database => "in each database",
        Scope::Host => "on the machine of each local server",
    };
    let rows = match (view.ship, view.refresh) {
        (Ship::Always, _) => "every row".to_owned(),
        (Ship::Changed, None) => "rows that changed".to_owned(),
        (Ship::Changed, Some(refresh)) => format!("rows that changed, and every row every {}", human(refresh)),
    };
    let source = if view.source == Source::Probe { " by a probe of the collector" } else { "" };
    let _ = writeln!(
        out,
        "Read {scope} every {}{source}; stored: {rows}; at most {} row{}.",
        human(view.interval),
        view.max_rows,
        if view.max_rows == 1 { "" } else { "s" }
    );
    if let Some(extension) = &view.extension {
        let _ = writeln!(out, "Needs the extension `{extension}`.");
    }
    if let Some(privilege) = &view.privilege {
        let _ = writeln!(out, "Only members of `{privilege}` see every row.");
    }
    if let Some(first) = view.sql.first().filter(|sql| sql.from > crate::OLDEST_VERSION) {
        let _ = writeln!(out, "Exists from PostgreSQL {}.", first.from);
    }
    out.push_str("\n| column | kind | type | unit | versions | meaning |\n|---|---|---|---|---|---|\n");
    for column in &view.columns {
        let kind = match column.kind {
            Kind::Label if column.identity => "label, identity",
            Kind::Label => "label",
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Text => "text",
        };
        let (r#type, unit) = match column.r#type {
            Type::Bool => ("bool", ""),
            Type::Int8 => ("int8", ""),
            Type::Float8 | Type::Duration => ("float8", if column.r#type == Type::Duration { "ms" } else { "" }),
            Type::Text => ("text", ""),
            Type::Timestamptz => ("timestamptz", ""),
        };
        let unit = column.unit.as_deref().unwrap_or(unit);
        let versions = match column.until {
            Some(until) => format!("{}–{}", column.from, until - 1),
            None => format!("{}+", column.from),
        };
        let _ = writeln!(out, "| `{}` | {kind} | {type} | {unit} | {versions} | {} |", column.name, column.help);
    }
}

/// `90s` as `90 s`, `3600s` as `1 h`.
fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        _ if seconds.is_multiple_of(86_400) => format!("{} d", seconds / 86_400),
        _ if seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}
