//! Falling counters and resets: which deltas remain valid.

use arrow_array::types::Float64Type;

use super::*;

/// The deltas of `a` and `b` by name.
fn both(rows: &RecordBatch) -> BTreeMap<String, (Option<i64>, Option<f64>)> {
    let names = rows.column(3).as_string::<i32>();
    let (a, b) = (rows.column(4).as_primitive::<Int64Type>(), rows.column(5).as_primitive::<Float64Type>());
    let row = |row| (names.value(row).to_owned(), (a.iter().nth(row).flatten(), b.iter().nth(row).flatten()));
    (0..rows.num_rows()).map(row).collect()
}

fn deltas(name: &str, a: Option<i64>, b: Option<f64>) -> BTreeMap<String, (Option<i64>, Option<f64>)> {
    BTreeMap::from([(name.to_owned(), (a, b))])
}

#[test]
fn a_counter_that_falls_has_no_delta_and_the_others_keep_theirs() {
    for view in [view(""), view(GAUGE), view(RESET)] {
        let mut engine = Delta::new(Arc::clone(&view));
        let at = |seconds, a, b| snapshot(&view, seconds, 0, &[("x", Some(a), b, Some(1))]);
        apply(&mut engine, &at(0, 100, 200_000.0));
        assert_eq!(both(&apply(&mut engine, &at(60, 7, 200_001.0))), deltas("x", None, Some(1.0)));
        assert_eq!(both(&apply(&mut engine, &at(120, 9, 200_003.0))), deltas("x", Some(2), Some(2.0)));
        assert_eq!(both(&apply(&mut engine, &at(180, 8, 1.0))), deltas("x", None, None));
    }
}

#[test]
fn a_fall_that_proves_a_reset_resets_the_whole_row() {
    let view = view_with("restarts_with=['a']", "");
    let mut engine = Delta::new(Arc::clone(&view));
    let at = |seconds, a, b| snapshot(&view, seconds, 0, &[("x", Some(a), b, None)]);
    apply(&mut engine, &at(0, 100, 50.0));
    assert_eq!(both(&apply(&mut engine, &at(60, 99, 60.0))), deltas("x", Some(99), Some(60.0)));
    assert_eq!(both(&apply(&mut engine, &at(120, 100, 1.0))), deltas("x", Some(1), None));
}

#[test]
fn a_changed_reset_time_resets_the_row_even_above_its_old_values() {
    let view = view(RESET);
    let mut engine = Delta::new(Arc::clone(&view));
    let row = |a, reset| [("x", Some(a), 0.0, reset)];
    apply(&mut engine, &snapshot(&view, 0, 0, &row(10, None)));
    expect(&apply(&mut engine, &snapshot(&view, 60, 0, &row(100, Some(1)))), &[("x", Some(60_000), Some(100))]);
    expect(&apply(&mut engine, &snapshot(&view, 120, 0, &row(110, Some(1)))), &[("x", Some(60_000), Some(10))]);
    expect(&apply(&mut engine, &snapshot(&view, 180, 0, &row(4, Some(2)))), &[("x", Some(60_000), Some(4))]);
}

/// A snapshot of rows with one mark, which is a number or a text.
fn marked<'a>(view: &View, seconds: i64, rows: &[(&'a str, i64, &'a str)]) -> Snapshot {
    let mut builder = Rows::new(view, rows.len());
    for (name, a, mark) in rows {
        builder.set_text(0, Some(name));
        builder.set_int(1, Some(*a));
        builder.set_float(2, Some(1.0));
        builder.set_text_format(3, (!mark.is_empty()).then_some(mark.as_bytes()));
        builder.end_row();
    }
    builder.finish(seconds * SECOND, 0)
}

#[test]
fn a_changed_start_of_counting_resets_the_row_and_a_missing_one_does_not() {
    let view = view("[[marks]]\nname='since'\nsays='since'\ntype='text'\n");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &marked(&view, 0, &[("x", 10, "")]));
    expect(&apply(&mut engine, &marked(&view, 60, &[("x", 20, "monday")])), &[("x", Some(60_000), Some(10))]);
    expect(&apply(&mut engine, &marked(&view, 120, &[("x", 100, "tuesday")])), &[("x", Some(60_000), Some(100))]);
}

#[test]
fn a_witness_that_falls_resets_the_row() {
    let view = view("[[marks]]\nname='most'\nsays='witness'\ntype='int8'\n");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &marked(&view, 0, &[("x", 10, "900")]));
    expect(&apply(&mut engine, &marked(&view, 60, &[("x", 100, "80")])), &[("x", Some(60_000), Some(100))]);
}

#[test]
fn a_reset_that_the_counters_showed_first_is_counted_once() {
    let view = view_with("restarts_with=['a']", "[[marks]]\nname='since'\nsays='since'\ntype='int8'\n");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &marked(&view, 0, &[("x", 100, "1")]));
    expect(&apply(&mut engine, &marked(&view, 60, &[("x", 5, "1")])), &[("x", Some(60_000), Some(5))]);
    expect(&apply(&mut engine, &marked(&view, 120, &[("x", 8, "2")])), &[("x", Some(60_000), Some(3))]);
}

#[test]
fn a_sum_has_no_delta_if_one_of_its_parts_is_gone_even_if_it_grew() {
    let view = view("[[marks]]\nname='parts'\nsays='parts'\nof=['a']\ntype='text'\n");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &marked(&view, 0, &[("x", 10, "1,2")]));
    expect(&apply(&mut engine, &marked(&view, 60, &[("x", 30, "2")])), &[("x", Some(60_000), None)]);
    // A new part counts from zero.
    expect(&apply(&mut engine, &marked(&view, 120, &[("x", 35, "2,3")])), &[("x", Some(60_000), Some(5))]);
    expect(&apply(&mut engine, &marked(&view, 180, &[("x", 36, "3,2")])), &[("x", Some(60_000), Some(1))]);
    expect(&apply(&mut engine, &marked(&view, 240, &[("x", 37, "")])), &[("x", Some(60_000), None)]);
}

#[test]
fn a_reset_of_a_row_does_not_reset_its_sums_over_parts() {
    let view = view_with("restarts_with=['b']", "[[marks]]\nname='parts'\nsays='parts'\nof=['a']\ntype='text'\n");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &snapshot(&view, 0, 0, &[("x", Some(10), 9.0, None)]));
    assert_eq!(both(&apply(&mut engine, &snapshot(&view, 60, 0, &[("x", Some(12), 2.0, None)]))), deltas("x", None, Some(2.0)));
}

/// Rows of a database: `(name, a)`, the time of its newest reset, and a counter of the whole database.
fn of_database(view: &View, seconds: i64, reset: i64, total: i64, rows: &[(&str, i64)]) -> Snapshot {
    let mut builder = Rows::new(view, rows.len());
    for (name, a) in rows {
        builder.set_text(0, Some(name));
        builder.set_int(1, Some(*a));
        builder.set_float(2, Some(1.0));
        builder.set_int(3, Some(reset));
        builder.set_int(4, Some(total));
        builder.end_row();
    }
    builder.finish(seconds * SECOND, 0)
}

fn database() -> Arc<View> {
    let marks = "[[marks]]\nname='reset'\nsays='some_reset'\ntype='int8'\n[[marks]]\nname='total'\nsays='all_reset'\ntype='int8'\n";
    view_with("restarts_with=['a']", marks)
}

#[test]
fn the_reset_of_one_row_leaves_the_others_their_deltas() {
    let view = database();
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &of_database(&view, 0, 1, 500, &[("x", 100), ("y", 100)]));
    let rows = apply(&mut engine, &of_database(&view, 60, 2, 510, &[("x", 7), ("y", 108)]));
    expect(&rows, &[("x", Some(60_000), Some(7)), ("y", Some(60_000), Some(8))]);
}

#[test]
fn a_reset_of_all_rows_resets_each_row() {
    let view = database();
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &of_database(&view, 0, 1, 500, &[("x", 10), ("y", 10)]));
    let rows = apply(&mut engine, &of_database(&view, 60, 2, 120, &[("x", 100), ("y", 3)]));
    assert_eq!(shipped(&rows)["x"], (Some(60_000), Some(100)));
    assert_eq!(shipped(&rows)["y"], (Some(60_000), Some(3)));
}

#[test]
fn if_it_is_unknown_which_row_was_reset_changed_rows_have_no_delta() {
    let view = database();
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &of_database(&view, 0, 1, 500, &[("x", 10), ("y", 10)]));
    let rows = apply(&mut engine, &of_database(&view, 60, 2, 510, &[("x", 100), ("y", 10)]));
    expect(&rows, &[("x", Some(60_000), None)]);
    let rows = apply(&mut engine, &of_database(&view, 120, 2, 520, &[("x", 101), ("y", 11)]));
    expect(&rows, &[("x", Some(60_000), Some(1)), ("y", Some(60_000), Some(1))]);
}

#[test]
fn a_part_whose_counters_may_arrive_late_has_no_delta_in_the_next_interval_either() {
    let view = view("[[marks]]\nname='parts'\nsays='parts'\nsettles=true\ntype='text'\n");
    let mut engine = Delta::new(Arc::clone(&view));
    let mut next = |seconds, a, parts| {
        let rows = apply(&mut engine, &marked(&view, seconds, &[("x", a, parts)]));
        shipped(&rows).get("x").map(|(_, a)| *a)
    };
    assert_eq!([next(0, 10, "1"), next(60, 11, "1"), next(120, 13, "1")], [None, Some(None), Some(Some(2))]);
    assert_eq!(
        [next(180, 20, "2"), next(240, 900, "2"), next(300, 901, "2"), next(360, 902, "2,3")],
        [Some(None), Some(None), Some(Some(1)), Some(Some(1))]
    );
}
