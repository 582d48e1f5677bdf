//! Tests of the rows: the same bytes each time, no gap between batches, distinct labels.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeSet;

use pganalytics_views::ViewSet;
use pganalytics_views::wire::{Limits, decode};

use super::{Rows, Sum};
use crate::fleet::shape::Shape;

fn rows() -> Rows {
    Rows::new(&Shape { collectors: 2, servers: 3, ..Shape::new(7, 6, 1_800_000_000_000_000) }).unwrap()
}

#[test]
fn every_built_in_view_is_shipped() {
    let shipped: BTreeSet<String> = rows().views().map(|view| view.name.clone()).collect();
    // The simulated servers run in no pod, whose log could be read.
    let of_servers = |name: &String| !["kubernetes_pod", "postgres_log"].contains(&name.as_str());
    let known: BTreeSet<String> = ViewSet::builtin().unwrap().iter().map(|view| view.name.clone()).filter(of_servers).collect();
    assert_eq!(shipped, known, "a view was added or removed: adapt HABITS");
}

#[test]
fn no_two_rows_of_a_server_share_their_labels() {
    let rows = rows();
    for view in rows.views() {
        let labels: BTreeSet<_> = (0..rows.population(&view.name)).map(|number| rows.labels(&view.name, number)).collect();
        assert_eq!(labels.len(), rows.population(&view.name) as usize, "{}", view.name);
    }
}

#[test]
fn a_batch_is_made_again_byte_for_byte_and_another_seed_makes_another() {
    let other = Rows::new(&Shape { seed: 8, ..rows().shape().clone() }).unwrap();
    assert_eq!(rows().batch(1, 7).unwrap(), rows().batch(1, 7).unwrap());
    assert_ne!(rows().batch(1, 7).unwrap().0, other.batch(1, 7).unwrap().0);
}

#[test]
fn batches_hold_what_the_judge_expects_and_follow_one_another_without_gap_or_overlap() {
    let rows = rows();
    for view in rows.views() {
        let mut shipped = Sum::default();
        for sequence in 1..=40 {
            let (_, sums) = rows.batch(0, sequence).unwrap();
            shipped = shipped.and(sums.get(&view.name).copied().unwrap_or_default());
        }
        let (from, to) = (rows.shape().window(1).0, rows.shape().window(40).1);
        let expected = (0..3).map(|server| rows.sum(&view.name, 0, server, (from, to))).fold(Sum::default(), Sum::and);
        assert_eq!(shipped, expected, "{}", view.name);
        assert!(shipped.rows > 0, "{}", view.name);
    }
}

#[test]
fn a_shipped_batch_decodes_to_the_sums_it_was_shipped_with() {
    let (bytes, sums) = rows().batch(1, 3).unwrap();
    let batch = decode(&bytes, &Limits::default()).unwrap();
    assert_eq!((batch.header.sequence, batch.header.collector), (3, rows().shape().collector_id(1)));
    let found: Vec<_> = batch.header.frames.iter().map(|frame| (frame.view.clone(), frame.rows)).collect();
    assert_eq!(found, sums.iter().map(|(view, sum)| (view.clone(), sum.rows)).collect::<Vec<_>>());
}

#[test]
fn what_is_shipped_once_a_day_comes_at_the_start_or_is_spread_over_the_day() {
    let within = |shape: &Shape, minutes: i64| {
        let rows = Rows::new(shape).unwrap();
        let within = (shape.origin_us, shape.origin_us + minutes * 60_000_000);
        let sums = (0..shape.servers).map(|server| rows.sum("pg_settings", 0, server, within));
        sums.fold(Sum::default(), Sum::and).rows
    };
    let fresh = Shape { servers: 40, ..Shape::new(7, 40, 1_800_000_000_000_000) };
    let settled = Shape { settled: true, ..fresh.clone() };
    assert_eq!((within(&fresh, 5), within(&fresh, 1_440)), (40 * 360, 40 * 360));
    assert!(within(&settled, 60) < 10 * 360);
    assert_eq!(within(&settled, 1_440), 40 * 360);
}

#[test]
fn about_39_percent_of_the_statements_move_in_a_minute() {
    let rows = rows();
    let (from, _) = rows.shape().window(1);
    let sum = rows.sum("pg_stat_statements", 0, 0, (from, from + 600_000_000));
    assert!((1_800..2_100).contains(&sum.rows), "{} of 5,000", sum.rows);
}
