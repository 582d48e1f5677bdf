//! Rollups: the tables whose rows are sums over bins of five minutes or an hour.
//!
//! A rollup is a [`View`] derived from another view. So its schema, table, files and reference need no code of their own. A row covers one
//! key (server and labels) in one bin, which starts at `ts`:
//!
//! | in the view | in the rollup |
//! |---|---|
//! | `interval_ms`, counters | the sum, under the same name; null if all values were null |
//! | gauge `x`, a number or a duration | `x` at the bin's last snapshot, `x_min`, `x_max`, `x_avg`, and `x_count`: the snapshots in which `x` was not null |
//! | gauge `x`, a bool | `x` at the last snapshot, `x_avg` (the share of snapshots in which `x` was true), `x_count` |
//! | gauge `x`, a time | `x` at the last snapshot, `x_min`, `x_max` |
//! | texts | the value at the last snapshot |
//! | | `snapshots`: the number of summed rows; `last_ts`: the `ts` of the last of them |
//!
//! The counts make rollups of rollups exact: an average is weighted by its snapshots, and of two last values the one with the later
//! `last_ts` is kept.

use std::sync::Arc;

use crate::definition::{Column, Kind, OLDEST_VERSION, Origin, Ship, Source, Tier, Type, View};

/// The number of the view's rows that a rollup's row sums.
pub const SNAPSHOTS: &str = "snapshots";
/// The time of the last of these rows.
pub const LAST_TS: &str = "last_ts";
/// The suffixes of the columns that a rollup adds for a gauge.
pub const MIN: &str = "_min";
pub const MAX: &str = "_max";
pub const AVG: &str = "_avg";
pub const COUNT: &str = "_count";

/// A view's rollup. `None` if the view has no counters and gauges (there is nothing to sum), or if it is read only once a bin or less often
/// (the rollup would have as many rows).
#[must_use]
pub fn rollup(view: &Arc<View>, tier: Tier) -> Option<View> {
    let measures = |column: &Column| matches!(column.kind, Kind::Counter | Kind::Gauge);
    if view.rollup.is_some() || view.interval >= tier.bin() || !view.columns.iter().any(measures) {
        return None;
    }
    let mut columns: Vec<Column> = view.labels().cloned().collect();
    columns.push(added(SNAPSHOTS, Kind::Counter, Type::Int8, "Snapshots that the row sums: rows of the table it comes from."));
    columns.push(added(LAST_TS, Kind::Gauge, Type::Timestamptz, "When the last of them was taken."));
    for column in view.columns.iter().filter(|column| column.kind != Kind::Label) {
        columns.push(column.clone());
        if column.kind == Kind::Gauge {
            columns.extend(derived(column));
        }
    }
    Some(View {
        name: format!("{}_{}", view.name, tier.name()),
        summary: format!("{} by {}: {}", view.name, if tier == Tier::Hour { "hour" } else { "five minutes" }, lower(&view.summary)),
        source: Source::Probe,
        interval: tier.bin(),
        ship: Ship::Changed,
        refresh: None,
        columns,
        sql: Vec::new(),
        reset: None,
        restarts_with: Vec::new(),
        keep: Vec::new(),
        marks: Vec::new(),
        rollup: Some(Origin { view: Arc::clone(view), tier }),
        ..view.as_ref().clone()
    })
}

fn derived(gauge: &Column) -> Vec<Column> {
    let column =
        |end: &str, kind, r#type, help: String| Column { name: format!("{}{end}", gauge.name), kind, r#type, help, ..gauge.clone() };
    let name = &gauge.name;
    let minimum = || column(MIN, Kind::Gauge, gauge.r#type, format!("Least {name} of the bin's snapshots."));
    let maximum = || column(MAX, Kind::Gauge, gauge.r#type, format!("Greatest {name} of the bin's snapshots."));
    let count = || Column { unit: None, ..column(COUNT, Kind::Counter, Type::Int8, format!("Snapshots in which {name} was known.")) };
    let average = |r#type, help: String| column(AVG, Kind::Gauge, r#type, help);
    match gauge.r#type {
        Type::Int8 | Type::Float8 => {
            vec![minimum(), maximum(), average(Type::Float8, format!("Mean {name} of the bin's snapshots.")), count()]
        }
        Type::Duration => vec![minimum(), maximum(), average(Type::Duration, format!("Mean {name} of the bin's snapshots.")), count()],
        Type::Bool => vec![average(Type::Float8, format!("Share of the bin's snapshots in which {name} was true.")), count()],
        Type::Timestamptz => vec![minimum(), maximum()],
        Type::Text => Vec::new(),
    }
}

fn added(name: &str, kind: Kind, r#type: Type, help: &str) -> Column {
    Column { name: name.into(), kind, identity: false, r#type, unit: None, from: OLDEST_VERSION, until: None, help: help.into() }
}

/// A sentence with a lower-case first letter, for use inside another sentence.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match (letters.next(), letters.clone().next()) {
        // An abbreviation or a name keeps its capital.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => first.to_lowercase().chain(letters).collect(),
        _ => sentence.to_owned(),
    }
}
