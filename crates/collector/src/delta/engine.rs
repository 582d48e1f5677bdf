//! The delta engine of one view on one server (and in one database).

use std::sync::Arc;

use arrow_array::builder::Int64Builder;
use arrow_array::{RecordBatch, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use pganalytics_views::{Kind, Ship, View, schema};

use super::batch::assemble;
use super::cell::{Cell, NULL};
use super::counters::Deltas;
use super::hashes::RowHashes;
use super::merge::merge;
use super::rows::Snapshot;
use super::slots::Slots;

/// The delta engine of one view on one server (and in one database).
#[derive(Debug)]
pub(crate) struct Delta {
    view: Arc<View>,
    schema: SchemaRef,
    /// Positions of the counters among the view's columns.
    counters: Vec<usize>,
    labels: Vec<usize>,
    /// Gauges and texts.
    facts: Vec<usize>,
    reset: Option<usize>,
    slots: Slots,
    previous: Option<Previous>,
}

#[derive(Debug, Clone, Copy)]
struct Previous {
    ts_us: i64,
    complete: bool,
}

/// What a row's counters are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// Nothing: this snapshot is the first that is known.
    Baseline,
    /// Zero: the row was not there in the complete snapshot before, or its counters started again.
    Zero,
    /// The values in the slot.
    Slot,
}

impl Delta {
    #[must_use]
    pub(crate) fn new(view: Arc<View>) -> Self {
        let positions = |wanted: &[Kind]| {
            view.columns.iter().enumerate().filter(|(_, column)| wanted.contains(&column.kind)).map(|(i, _)| i).collect::<Vec<_>>()
        };
        let counters = positions(&[Kind::Counter]);
        Self {
            schema: schema(&view),
            labels: positions(&[Kind::Label]),
            facts: positions(&[Kind::Gauge, Kind::Text]),
            reset: view.reset.as_ref().and_then(|reset| view.columns.iter().position(|column| column.name == *reset)),
            slots: Slots::new(counters.len()),
            counters,
            previous: None,
            view,
        }
    }

    /// Forgets the previous snapshot: the next one is a baseline.
    pub(crate) fn forget(&mut self) {
        self.previous = None;
        self.slots.clear();
    }

    /// The rows of a snapshot that are shipped, with deltas in place of counters.
    ///
    /// # Errors
    /// Where Arrow refuses the columns: the snapshot is not of this view.
    pub(crate) fn apply(&mut self, server: &str, snapshot: &Snapshot) -> Result<RecordBatch, ArrowError> {
        let mut keys = RowHashes::new(snapshot.rows);
        let mut facts = RowHashes::new(snapshot.rows);
        self.labels.iter().for_each(|column| keys.add(&snapshot.columns[*column]));
        self.facts.iter().for_each(|column| facts.add(&snapshot.columns[*column]));
        let counters: Vec<Cell<'_>> = self.counters.iter().map(|column| Cell::new(&snapshot.columns[*column])).collect();
        let reset = self.reset.map(|column| Cell::new(&snapshot.columns[column]));
        let interval_ms = self.previous.map(|previous| ((snapshot.ts_us - previous.ts_us) / 1_000).max(0));
        let refresh_us = self.view.refresh.map(|refresh| i64::try_from(refresh.as_micros()).unwrap_or(i64::MAX));

        let merged = merge(&keys, &counters);
        let mut deltas = Deltas::new(&self.view, &self.counters);
        let (mut shipped, mut intervals) = (Vec::new(), Int64Builder::new());
        let mut delta = vec![NULL; counters.len()];
        self.slots.begin();
        for row in 0..snapshot.rows {
            let together = merged.get(&row);
            if together.is_some_and(|together| together.first != row) {
                continue;
            }
            let value = |counter: usize| together.map_or_else(|| counters[counter].value(row), |together| together.values[counter]);
            let copies = together.map_or(1, |together| together.copies);
            let reset = reset.as_ref().map_or(NULL, |reset| reset.value(row));
            let (slot, known) = self.slots.find_or_add(keys.key(row));

            let basis = match (known, self.previous) {
                (true, _) => {
                    let started_again = self.slots.reset(slot) != reset
                        || counters.iter().enumerate().any(|(i, cell)| cell.less(value(i), self.slots.counter(slot, i)));
                    match started_again {
                        false => Basis::Slot,
                        // One of several rows of the same labels has gone: what is left is no new beginning.
                        true if copies < self.slots.copies(slot) => Basis::Baseline,
                        true => Basis::Zero,
                    }
                }
                (false, Some(Previous { complete: true, .. })) => Basis::Zero,
                (false, _) => Basis::Baseline,
            };
            let mut moved = false;
            for (i, cell) in counters.iter().enumerate() {
                delta[i] = match basis {
                    Basis::Baseline => NULL,
                    Basis::Zero => cell.not_negative(value(i)),
                    Basis::Slot => cell.minus(value(i), self.slots.counter(slot, i)),
                };
                moved |= !cell.is_zero_or_null(delta[i]);
            }
            let fact = facts.fact(row);
            let changed = moved
                || (!self.facts.is_empty() && (!known || self.slots.fact(slot) != fact))
                || (known && refresh_us.is_some_and(|refresh| snapshot.ts_us.saturating_sub(self.slots.shipped(slot)) >= refresh));
            let ship = self.view.ship == Ship::Always || changed;

            (0..counters.len()).for_each(|i| self.slots.set_counter(slot, i, value(i)));
            self.slots.set(slot, fact, reset, copies);
            if ship || !known {
                self.slots.set_shipped(slot, snapshot.ts_us);
            }
            if ship {
                shipped.push(u32::try_from(row).unwrap_or(u32::MAX));
                intervals.append_option(interval_ms.filter(|_| basis != Basis::Baseline));
                deltas.append(&delta);
            }
        }
        self.slots.end();
        self.previous = Some(Previous { ts_us: snapshot.ts_us, complete: snapshot.cut == 0 });
        assemble(&self.schema, server, snapshot, UInt32Array::from(shipped), intervals.finish(), deltas.finish())
    }
}
