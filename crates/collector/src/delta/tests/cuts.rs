//! Snapshots with more rows than a view's `max_rows`: the largest rows are kept, and the sums stay correct.

use super::*;
use crate::delta::OTHER;

#[test]
fn the_busiest_and_largest_rows_are_kept_and_the_others_are_summed_into_one_row() {
    let view = view_with("max_rows=3\nkeep=['size']", GAUGE);
    let mut engine = Delta::new(Arc::clone(&view));
    let rows = |a: [i64; 5]| {
        let rows: Vec<Row<'_>> = ["v", "w", "x", "y", "z"]
            .into_iter()
            .zip(a)
            .map(|(name, a)| (name, Some(a), 0.0, Some(if name == "w" { 900 } else { 1 })))
            .collect();
        rows
    };
    apply(&mut engine, &snapshot(&view, 0, 0, &rows([0; 5])));
    let shipped = engine.apply("s", &snapshot(&view, 60, 0, &rows([2, 1, 4, 100, 8]))).expect("rows");
    assert_eq!(shipped.summed, 3);
    expect(&shipped.rows, &[("w", Some(60_000), Some(1)), ("y", Some(60_000), Some(100)), (OTHER, Some(60_000), Some(14))]);
    let sizes = shipped.rows.column(6).as_primitive::<Int64Type>();
    assert!(sizes.is_null(2), "the size of several rows is not the size of one");
}

#[test]
fn a_label_that_all_summed_rows_share_is_kept() {
    let view = view_with("max_rows=2", "[[columns]]\nname='database'\nkind='label'\ntype='int8'\nhelp='h'\n");
    let mut engine = Delta::new(Arc::clone(&view));
    let rows = |a| [("x", Some(a), 0.0, Some(1)), ("x", Some(2 * a), 0.0, Some(2)), ("x", Some(3 * a), 0.0, Some(3))];
    apply(&mut engine, &snapshot(&view, 0, 0, &rows(0)));
    let rows = apply(&mut engine, &snapshot(&view, 60, 0, &rows(1)));
    assert_eq!(rows.column(3).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("x"), Some("x")]);
    assert_eq!(rows.column(6).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(3), None]);
}

proptest! {
    #[test]
    fn a_cut_does_not_change_the_sum_of_all_rows(
        steps in proptest::collection::vec(proptest::collection::vec(0..100_i64, 8), 1..6),
        max_rows in 1..8_usize,
    ) {
        let (all, few) = (view(""), view_with(&format!("max_rows={max_rows}"), ""));
        let (mut whole, mut cut) = (Delta::new(Arc::clone(&all)), Delta::new(Arc::clone(&few)));
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mut values = [0; 8];
        for (i, step) in std::iter::once(&vec![0; 8]).chain(&steps).enumerate() {
            values.iter_mut().zip(step).for_each(|(value, step)| *value += step);
            let rows: Vec<Row<'_>> = names.iter().zip(values).map(|(name, value)| (*name, Some(value), 0.0, None)).collect();
            let sum = |rows: &RecordBatch| shipped(rows).values().filter_map(|(_, a)| *a).sum::<i64>();
            let whole = apply(&mut whole, &snapshot(&all, i as i64 * 60, 0, &rows));
            let kept = apply(&mut cut, &snapshot(&few, i as i64 * 60, 0, &rows));
            prop_assert!(kept.num_rows() <= max_rows);
            prop_assert_eq!(sum(&whole), sum(&kept));
        }
    }
}
