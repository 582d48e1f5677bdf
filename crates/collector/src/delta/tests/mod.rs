//! The delta engine's promises, tested against a model that is simple enough to be checked by eye.

mod cuts;
mod resets;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use pganalytics_views::View;
use proptest::prelude::*;

use super::Delta;
use crate::delta::rows::{Rows, Snapshot};

/// A view with the label `name`, the counters `a` and `b`, and, if requested, a gauge and a reset time.
fn view(extra: &str) -> Arc<View> {
    let reset = if extra.contains("reset_at") { "reset='reset_at'\n" } else { "" };
    view_with(reset, extra)
}

/// The same view with additional keys at the top of the file.
fn view_with(keys: &str, extra: &str) -> Arc<View> {
    let text = format!(
        "name='v'\nsummary='s'\nscope='server'\nsource='probe'\ninterval='60s'\nrefresh='1h'\n{keys}\n\
         [[columns]]\nname='name'\nkind='label'\ntype='text'\nhelp='h'\n\
         [[columns]]\nname='a'\nkind='counter'\ntype='int8'\nhelp='h'\n\
         [[columns]]\nname='b'\nkind='counter'\ntype='float8'\nhelp='h'\n{extra}"
    );
    Arc::new(pganalytics_views::parse("v.toml", &text).expect("a view"))
}

const GAUGE: &str = "[[columns]]\nname='size'\nkind='gauge'\ntype='int8'\nhelp='h'\n";
const RESET: &str = "[[columns]]\nname='reset_at'\nkind='gauge'\ntype='timestamptz'\nhelp='h'\n";
/// Every row that was not in a complete snapshot is new.
const ALWAYS_NEW: &str = "[[marks]]\nname='all'\nsays='horizon'\ntype='int8'\n";
const SECOND: i64 = 1_000_000;

/// A row as given: name, a, b, and the fourth column if there is one.
type Row<'a> = (&'a str, Option<i64>, f64, Option<i64>);

fn snapshot(view: &View, seconds: i64, cut: u64, rows: &[Row<'_>]) -> Snapshot {
    let mut builder = Rows::new(view, rows.len());
    for (name, a, b, fourth) in rows {
        builder.set_text(0, Some(name));
        builder.set_int(1, *a);
        builder.set_float(2, Some(*b));
        // The fourth column, or else the first mark.
        let always_new = view.columns.len() == 3 && view.marks.first().is_some_and(|mark| mark.column.name == "all");
        builder.set_int(3, if always_new { Some(0) } else { *fourth });
        builder.end_row();
    }
    builder.finish(seconds * SECOND, cut)
}

/// The shipped rows: name → (interval_ms, delta of a).
fn shipped(rows: &RecordBatch) -> BTreeMap<String, (Option<i64>, Option<i64>)> {
    let names = rows.column(3).as_string::<i32>();
    let int = |column: usize, row: usize| {
        let cells = rows.column(column).as_primitive::<Int64Type>();
        cells.is_valid(row).then(|| cells.value(row))
    };
    (0..rows.num_rows()).map(|row| (names.value(row).to_owned(), (int(2, row), int(4, row)))).collect()
}

fn expect(rows: &RecordBatch, expected: &[(&str, Option<i64>, Option<i64>)]) {
    let expected: BTreeMap<_, _> = expected.iter().map(|(name, interval, a)| ((*name).to_owned(), (*interval, *a))).collect();
    assert_eq!(shipped(rows), expected);
}

fn apply(engine: &mut Delta, snapshot: &Snapshot) -> RecordBatch {
    engine.apply("s", snapshot).expect("rows").rows
}

fn one<'a>(name: &'a str, a: i64) -> Row<'a> {
    (name, Some(a), 0.0, Some(7))
}

#[test]
fn the_first_snapshot_is_a_baseline_and_counters_alone_are_not_shipped() {
    let view = view("");
    let mut engine = Delta::new(Arc::clone(&view));
    expect(&apply(&mut engine, &snapshot(&view, 0, 0, &[one("x", 5)])), &[]);
    expect(&apply(&mut engine, &snapshot(&view, 60, 0, &[one("x", 5)])), &[]);
    expect(&apply(&mut engine, &snapshot(&view, 90, 0, &[one("x", 8)])), &[("x", Some(30_000), Some(3))]);
}

#[test]
fn a_row_with_gauges_is_shipped_at_once_with_null_counters_and_then_on_change_or_refresh() {
    let view = view(GAUGE);
    let mut engine = Delta::new(Arc::clone(&view));
    expect(&apply(&mut engine, &snapshot(&view, 0, 0, &[one("x", 5)])), &[("x", None, None)]);
    expect(&apply(&mut engine, &snapshot(&view, 60, 0, &[one("x", 5)])), &[]);
    let changed = [("x", Some(5), 0.0, Some(8))];
    expect(&apply(&mut engine, &snapshot(&view, 120, 0, &changed)), &[("x", Some(60_000), Some(0))]);
    expect(&apply(&mut engine, &snapshot(&view, 3_719, 0, &changed)), &[]);
    expect(&apply(&mut engine, &snapshot(&view, 3_720, 0, &changed)), &[("x", Some(1_000), Some(0))]);
}

#[test]
fn after_another_postmaster_everything_is_a_baseline_again() {
    let view = view("");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &snapshot(&view, 0, 0, &[one("x", 5)]));
    engine.forget();
    expect(&apply(&mut engine, &snapshot(&view, 60, 0, &[one("x", 1_000_000), one("y", 9)])), &[]);
    expect(&apply(&mut engine, &snapshot(&view, 120, 0, &[one("x", 1_000_001)])), &[("x", Some(60_000), Some(1))]);
}

#[test]
fn rows_with_the_same_labels_are_merged_and_a_missing_part_is_no_reset() {
    let view = view("");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &snapshot(&view, 0, 0, &[one("x", 5), one("x", 100), one("y", 1)]));
    expect(&apply(&mut engine, &snapshot(&view, 60, 0, &[one("x", 6), one("x", 100), one("y", 1)])), &[("x", Some(60_000), Some(1))]);
    expect(&apply(&mut engine, &snapshot(&view, 120, 0, &[one("x", 7), one("y", 1)])), &[]);
    expect(&apply(&mut engine, &snapshot(&view, 180, 0, &[one("x", 9), one("y", 1)])), &[("x", Some(60_000), Some(2))]);
}

#[test]
fn a_null_counter_has_no_delta_until_it_has_a_baseline() {
    let view = view("");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &snapshot(&view, 0, 0, &[("x", None, 0.0, None)]));
    expect(&apply(&mut engine, &snapshot(&view, 60, 0, &[("x", Some(4), 1.0, None)])), &[("x", Some(60_000), None)]);
    expect(&apply(&mut engine, &snapshot(&view, 120, 0, &[("x", Some(6), 1.0, None)])), &[("x", Some(60_000), Some(2))]);
}

/// A snapshot in the model: which rows are there with which value, and whether it was cut.
fn story() -> impl Strategy<Value = Vec<(BTreeMap<u8, i64>, bool)>> {
    let snapshot = (proptest::collection::btree_map(0..6_u8, 0..50_i64, 0..6), proptest::bool::weighted(0.2));
    proptest::collection::vec(snapshot, 1..12)
}

proptest! {
    #[test]
    fn deltas_follow_the_model_and_are_never_negative(story in story()) {
        let view = view(ALWAYS_NEW);
        let mut engine = Delta::new(Arc::clone(&view));
        let mut before: Option<(BTreeMap<u8, i64>, bool)> = None;
        // A snapshot without rows carries no marks of the server.
        let mut horizon = false;
        for (i, (rows, cut)) in story.into_iter().enumerate() {
            let names: Vec<(String, i64)> = rows.iter().map(|(name, value)| (name.to_string(), *value)).collect();
            let given: Vec<Row<'_>> = names.iter().map(|(name, value)| (name.as_str(), Some(*value), *value as f64, None)).collect();
            let taken = snapshot(&view, i as i64 * 60, u64::from(cut), &given);
            let found = shipped(&apply(&mut engine, &taken));
            let mut expected = BTreeMap::new();
            if let Some((known, known_cut)) = &before {
                horizon |= !known.is_empty();
                for (name, value) in &rows {
                    let delta = match known.get(name) {
                        Some(known) if value >= known => Some(value - known),
                        Some(_) => None,
                        None if !known_cut && horizon => Some(*value),
                        None => None,
                    };
                    let fell = known.get(name).is_some_and(|known| value < known);
                    if fell || delta.is_some_and(|delta| delta != 0) {
                        prop_assert!(delta.is_none_or(|delta| delta > 0));
                        expected.insert(name.to_string(), (Some(60_000), delta));
                    }
                }
            }
            prop_assert_eq!(found, expected);
            before = Some((rows, cut));
        }
    }

    #[test]
    fn without_resets_deltas_sum_up_to_last_minus_first(steps in proptest::collection::vec(0..1_000_i64, 1..30)) {
        let view = view("");
        let mut engine = Delta::new(Arc::clone(&view));
        let (first, mut value, mut sum) = (17, 17, 0);
        apply(&mut engine, &snapshot(&view, 0, 0, &[one("x", first)]));
        for (i, step) in steps.iter().enumerate() {
            value += step;
            let rows = apply(&mut engine, &snapshot(&view, i as i64 + 1, 0, &[one("x", value)]));
            sum += shipped(&rows).values().filter_map(|(_, delta)| *delta).sum::<i64>();
        }
        prop_assert_eq!(sum, value - first);
    }
}
