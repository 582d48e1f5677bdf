//! Matching the rows of two snapshots: identities, names, new rows.

use super::*;

const IDENTITY: &str = "[[columns]]\nname='relid'\nkind='label'\nidentity=true\ntype='int8'\nhelp='h'\n";

/// A view whose rows are identified by a number. The name may change.
fn identified(seconds: i64, view: &View, rows: &[(&str, i64, i64)]) -> Snapshot {
    let rows: Vec<Row<'_>> = rows.iter().map(|(name, a, id)| (*name, Some(*a), 0.0, Some(*id))).collect();
    snapshot(view, seconds, 0, &rows)
}

#[test]
fn a_renamed_row_keeps_its_counters_and_ships_its_new_name() {
    let view = view(IDENTITY);
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &identified(0, &view, &[("a", 100_000, 1), ("b", 5, 2)]));
    expect(&apply(&mut engine, &identified(60, &view, &[("c", 100_000, 1), ("b", 5, 2)])), &[("c", Some(60_000), Some(0))]);
    expect(&apply(&mut engine, &identified(120, &view, &[("c", 100_001, 1), ("b", 5, 2)])), &[("c", Some(60_000), Some(1))]);
}

#[test]
fn rows_that_swap_their_names_keep_their_counters() {
    let view = view(IDENTITY);
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &identified(0, &view, &[("a", 1_000, 1), ("b", 10, 2)]));
    let swapped = [("b", 1_001, 1), ("a", 12, 2)];
    expect(&apply(&mut engine, &identified(60, &view, &swapped)), &[("b", Some(60_000), Some(1)), ("a", Some(60_000), Some(2))]);
}

#[test]
fn a_row_of_the_same_name_with_another_identity_is_another_row() {
    let view = view(&format!("{IDENTITY}{ALWAYS_NEW}"));
    let mut engine = Delta::new(Arc::clone(&view));
    let at = |seconds, rows: &[(&str, i64, i64)]| {
        let mut builder = Rows::new(&view, rows.len());
        for (name, a, id) in rows {
            builder.set_text(0, Some(name));
            builder.set_int(1, Some(*a));
            builder.set_float(2, Some(0.0));
            builder.set_int(3, Some(*id));
            builder.set_int(4, Some(0));
            builder.end_row();
        }
        builder.finish(seconds * SECOND, 0)
    };
    apply(&mut engine, &at(0, &[("a", 1_000, 1)]));
    expect(&apply(&mut engine, &at(60, &[("a", 1_005, 2)])), &[("a", Some(60_000), Some(1_005))]);
}

#[test]
fn an_unseen_row_is_a_baseline_unless_it_is_provably_new() {
    let view = view("");
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &snapshot(&view, 0, 0, &[one("x", 5)]));
    expect(&apply(&mut engine, &snapshot(&view, 60, 0, &[one("x", 5), one("y", 160)])), &[]);
    expect(&apply(&mut engine, &snapshot(&view, 120, 0, &[one("x", 5), one("y", 200)])), &[("y", Some(60_000), Some(40))]);
}

#[test]
fn if_no_row_can_be_hidden_a_new_row_counts_from_zero_after_a_complete_snapshot() {
    let view = view(ALWAYS_NEW);
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &snapshot(&view, 0, 0, &[one("x", 5)]));
    expect(&apply(&mut engine, &snapshot(&view, 60, 1, &[one("x", 5), one("y", 9)])), &[("y", Some(60_000), Some(9))]);
    // The previous snapshot was cut, so z may have existed.
    expect(&apply(&mut engine, &snapshot(&view, 120, 0, &[one("y", 9), one("z", 1_000)])), &[]);
    expect(&apply(&mut engine, &snapshot(&view, 180, 0, &[one("y", 9), one("z", 1_001)])), &[("z", Some(60_000), Some(1))]);
}

/// A snapshot of rows with their creation times and the horizon of the snapshot.
fn born(view: &View, seconds: i64, horizon: Option<i64>, rows: &[(&str, i64, Option<i64>)]) -> Snapshot {
    let mut builder = Rows::new(view, rows.len());
    for (name, a, born) in rows {
        builder.set_text(0, Some(name));
        builder.set_int(1, Some(*a));
        builder.set_float(2, Some(0.0));
        builder.set_int(3, *born);
        builder.set_int(4, horizon);
        builder.end_row();
    }
    builder.finish(seconds * SECOND, 0)
}

const BORN: &str = "[[marks]]\nname='born'\nsays='born'\ntype='int8'\n[[marks]]\nname='horizon'\nsays='horizon'\ntype='int8'\n";

#[test]
fn a_row_that_becomes_visible_is_a_baseline_and_a_row_created_since_counts_from_zero() {
    let view = view(BORN);
    let mut engine = Delta::new(Arc::clone(&view));
    apply(&mut engine, &born(&view, 0, Some(1_000), &[("x", 5, Some(10))]));
    let rows = [("x", 5, Some(10)), ("hidden", 160, Some(900)), ("new", 40, Some(1_001))];
    expect(&apply(&mut engine, &born(&view, 60, Some(1_060), &rows)), &[("new", Some(60_000), Some(40))]);
    let rows = [("x", 5, Some(10)), ("hidden", 165, Some(900)), ("new", 41, Some(1_001))];
    expect(
        &apply(&mut engine, &born(&view, 120, Some(1_120), &rows)),
        &[("hidden", Some(60_000), Some(5)), ("new", Some(60_000), Some(1))],
    );
}

#[test]
fn without_a_creation_time_a_row_is_new_only_after_a_complete_snapshot() {
    let view = view(BORN);
    let mut engine = Delta::new(Arc::clone(&view));
    // At first the role does not see all rows. Then a privilege is granted.
    apply(&mut engine, &born(&view, 0, None, &[("x", 5, None)]));
    expect(&apply(&mut engine, &born(&view, 60, Some(0), &[("x", 5, None), ("hidden", 160, None)])), &[]);
    let rows = [("x", 5, None), ("hidden", 200, None), ("new", 3, None)];
    expect(&apply(&mut engine, &born(&view, 120, Some(0), &rows)), &[("hidden", Some(60_000), Some(40)), ("new", Some(60_000), Some(3))]);
}

#[test]
fn a_row_without_identity_only_provides_its_marks() {
    let view = view(&format!("{IDENTITY}{BORN}"));
    let mut engine = Delta::new(Arc::clone(&view));
    let at = |seconds, horizon, id: Option<i64>, a| {
        let mut builder = Rows::new(&view, 1);
        builder.set_text(0, id.map(|_| "x"));
        builder.set_int(1, id.map(|_| a));
        builder.set_float(2, None);
        builder.set_int(3, id);
        builder.set_int(4, id);
        builder.set_int(5, Some(horizon));
        builder.end_row();
        builder.finish(seconds * SECOND, 0)
    };
    expect(&apply(&mut engine, &at(0, 16_000, None, 0)), &[]);
    expect(&apply(&mut engine, &at(60, 16_002, Some(16_001), 40)), &[("x", Some(60_000), Some(40))]);
}
