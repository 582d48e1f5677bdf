//! Rollups: what a table looks like when its rows are summed over longer bins.
//!
//! A rollup is a [`View`] made from another one, so everything that follows from a definition (schema, table, files, reference) follows
//! for it too. Its row covers one key (server and labels) in one bin, which starts at `ts`:
//!
//! | of the view | in the rollup |
//! |---|---|
//! | `interval_ms`, counters | summed, under their names; null where every row's was null |
//! | gauge `x`, a number or a duration | `x` at the bin's last snapshot, `x_min`, `x_max`, `x_avg`, and `x_count`: the snapshots it was known in |
//! | gauge `x`, a bool | `x` at the last snapshot, `x_avg` (the share of snapshots in which it was true), `x_count` |
//! | gauge `x`, a time | `x` at the last snapshot, `x_min`, `x_max` |
//! | texts | as of the last snapshot |
//! | | `snapshots`: the rows that were summed; `last_ts`: the `ts` of the last of them |
//!
//! The counts are what makes rollups of rollups exact: an average weighs as much as the snapshots it stands for, and of two last
//! values the one with the later `last_ts` stands.

use std::sync::Arc;

use crate::definition::{Column, Kind, OLDEST_VERSION, Origin, Ship, Source, Tier, Type, View};

/// How many rows of the view a rollup's row sums.
pub const SNAPSHOTS: &str = "snapshots";
/// When the last of them was taken.
pub const LAST_TS: &str = "last_ts";
/// Ends of the names of what becomes of a gauge, beside its last value.
pub const MIN: &str = "_min";
pub const MAX: &str = "_max";
pub const AVG: &str = "_avg";
pub const COUNT: &str = "_count";

/// A view's rollup. Views without counters and gauges have none, since there is nothing to sum (texts, settings); neither have
/// those that are read once a bin or more rarely, since a rollup would be no shorter.
#[must_use]
pub fn rollup(view: &Arc<View>, tier: Tier) -> Option<View> {
    let measures = |column: &Column| matches!(column.kind, Kind::Counter | Kind::Gauge);
    if view.rollup.is_some() || view.interval >= tier.bin() || !view.columns.iter().any(measures) {
        return None;
    }
    let mut columns: Vec<Column> = view.labels().cloned().collect();
    columns.push(own(SNAPSHOTS, Kind::Counter, Type::Int8, "Snapshots that the row sums: rows of the table it comes from."));
    columns.push(own(LAST_TS, Kind::Gauge, Type::Timestamptz, "When the last of them was taken."));
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
        rollup: Some(Origin { view: Arc::clone(view), tier }),
        ..view.as_ref().clone()
    })
}

fn derived(gauge: &Column) -> Vec<Column> {
    let column =
        |end: &str, kind, r#type, help: String| Column { name: format!("{}{end}", gauge.name), kind, r#type, help, ..gauge.clone() };
    let name = &gauge.name;
    let least = || column(MIN, Kind::Gauge, gauge.r#type, format!("Least {name} of the bin's snapshots."));
    let most = || column(MAX, Kind::Gauge, gauge.r#type, format!("Greatest {name} of the bin's snapshots."));
    let count = || Column { unit: None, ..column(COUNT, Kind::Counter, Type::Int8, format!("Snapshots in which {name} was known.")) };
    let average = |r#type, help: String| column(AVG, Kind::Gauge, r#type, help);
    match gauge.r#type {
        Type::Int8 | Type::Float8 => {
            vec![least(), most(), average(Type::Float8, format!("Mean {name} of the bin's snapshots.")), count()]
        }
        Type::Duration => vec![least(), most(), average(Type::Duration, format!("Mean {name} of the bin's snapshots.")), count()],
        Type::Bool => vec![average(Type::Float8, format!("Share of the bin's snapshots in which {name} was true.")), count()],
        Type::Timestamptz => vec![least(), most()],
        Type::Text => Vec::new(),
    }
}

fn own(name: &str, kind: Kind, r#type: Type, help: &str) -> Column {
    Column { name: name.into(), kind, r#type, unit: None, from: OLDEST_VERSION, until: None, help: help.into() }
}

/// A sentence's beginning within another.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match (letters.next(), letters.clone().next()) {
        // An abbreviation or a name stays as it is.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => first.to_lowercase().chain(letters).collect(),
        _ => sentence.to_owned(),
    }
}
