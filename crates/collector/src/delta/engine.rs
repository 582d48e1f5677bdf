//! The delta engine of one view on one server (and in one database).

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::Int64Builder;
use arrow_array::{Array as _, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use pganalytics_views::{Kind, Ship, View, schema};

use super::batch::assemble;
use super::cell::{Cell, NULL};
use super::counters::Deltas;
use super::hashes::RowHashes;
use super::keep::{Shipped, keep};
use super::marks::{Marks, Plan, is_part_gone};
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
    /// The labels that form a row's key: the identity labels, or else all labels.
    keys: Vec<usize>,
    /// Whether `keys` are identity labels.
    identified: bool,
    /// The gauges, the texts, and the labels that may change.
    facts: Vec<usize>,
    /// Whether the view has gauges or texts. If so, rows are shipped even if nothing was counted yet.
    describes: bool,
    reset: Option<usize>,
    plan: Plan,
    slots: Slots,
    previous: Option<Previous>,
}

#[derive(Debug, Clone)]
struct Previous {
    ts_us: i64,
    complete: bool,
    horizon: Option<i64>,
    all_reset: Vec<i64>,
}

/// The values that a row's counters are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// No values: the row's counters in the last snapshot are not known.
    Baseline,
    /// Zero: the row is new, or all counters of the view were reset.
    Zero,
    /// Zero for the row's own counters. Sums over other objects are not compared and have no delta.
    Restarted,
    /// The values in the slot.
    Slot,
    /// The values in the slot for counters that did not move. The other counters have no delta, since this row or another one was reset.
    Undecided,
}

impl Delta {
    #[must_use]
    pub(crate) fn new(view: Arc<View>) -> Self {
        let positions = |wanted: &dyn Fn(&pganalytics_views::Column) -> bool| {
            view.columns.iter().enumerate().filter(|(_, column)| wanted(column)).map(|(i, _)| i).collect::<Vec<_>>()
        };
        let counters = positions(&|column| column.kind == Kind::Counter);
        let identified = view.columns.iter().any(|column| column.identity);
        let is_key = |column: &pganalytics_views::Column| column.kind == Kind::Label && (column.identity || !identified);
        let describes = |column: &pganalytics_views::Column| matches!(column.kind, Kind::Gauge | Kind::Text);
        let plan = Plan::new(&view);
        Self {
            schema: schema(&view),
            keys: positions(&is_key),
            identified,
            facts: positions(&|column| describes(column) || (column.kind == Kind::Label && !is_key(column))),
            describes: view.columns.iter().any(describes),
            reset: view.reset.as_ref().and_then(|reset| view.columns.iter().position(|column| column.name == *reset)),
            slots: Slots::new(counters.len(), plan.numbers(), plan.parts()),
            plan,
            counters,
            previous: None,
            view,
        }
    }

    /// Forgets the previous snapshot. The next snapshot is a baseline.
    pub(crate) fn forget(&mut self) {
        self.previous = None;
        self.slots.clear();
    }

    /// The rows of a snapshot that are shipped, with deltas in place of counters.
    ///
    /// # Errors
    /// Arrow refuses the columns, because the snapshot is not of this view.
    pub(crate) fn apply(&mut self, server: &str, snapshot: &Snapshot) -> Result<Shipped, ArrowError> {
        let mut keys = RowHashes::new(snapshot.rows);
        let mut facts = RowHashes::new(snapshot.rows);
        self.keys.iter().for_each(|column| keys.add(&snapshot.columns[*column]));
        self.facts.iter().for_each(|column| facts.add(&snapshot.columns[*column]));
        let counters: Vec<Cell<'_>> = self.counters.iter().map(|column| Cell::new(&snapshot.columns[*column])).collect();
        let reset = self.reset.map(|column| Cell::new(&snapshot.columns[column]));
        let marks = self.plan.of(snapshot);
        let interval_ms = self.previous.as_ref().map(|previous| ((snapshot.ts_us - previous.ts_us) / 1_000).max(0));
        let refresh_us = self.view.refresh.map(|refresh| i64::try_from(refresh.as_micros()).unwrap_or(i64::MAX));

        let merged = merge(&keys, &counters);
        let all_reset = self.previous.as_ref().is_some_and(|previous| marks.all_were_reset(&previous.all_reset));
        let explained = self.explained(&keys, &counters, &marks);
        let mut deltas = Deltas::new(&self.view, &self.counters);
        let (mut shipped, mut intervals) = (Vec::new(), Int64Builder::new());
        let mut delta = vec![NULL; counters.len()];
        self.slots.begin();
        for row in 0..snapshot.rows {
            let merged_row = merged.get(&row);
            if merged_row.is_some_and(|merged_row| merged_row.first != row) || self.is_empty(snapshot, row) {
                continue;
            }
            let value = |counter: usize| merged_row.map_or_else(|| counters[counter].value(row), |merged_row| merged_row.values[counter]);
            let copies = merged_row.map_or(1, |merged_row| merged_row.copies);
            let reset = reset.as_ref().map_or(NULL, |reset| reset.value(row));
            let (slot, known) = self.slots.find_or_add(keys.key(row));

            let (mut basis, mut restarted) = (Basis::Baseline, false);
            if !known {
                if self.is_new(marks.born(row)) {
                    basis = Basis::Zero;
                }
            } else if copies == self.slots.copies(slot) {
                let changes = marks.changes(row, self.slots.marks(slot));
                let fell = |(i, cell): (usize, &Cell<'_>)| self.plan.restarts(i) && cell.less(value(i), self.slots.counter(slot, i));
                let fell = changes.witness || counters.iter().enumerate().any(fell);
                let was_reset = changes.since || self.slots.reset(slot) != reset;
                let is_announced = was_reset || all_reset || changes.some_reset;
                restarted = fell && !is_announced;
                // If a reset happens after the reset time is read and before the counters are read, the counters show the reset first.
                let known_already = self.slots.restarted(slot) && !fell;
                basis = match () {
                    () if is_announced && known_already => Basis::Slot,
                    () if all_reset => Basis::Zero,
                    () if was_reset || fell => Basis::Restarted,
                    () if changes.some_reset && !explained.contains(&marks.some_reset(row)) => Basis::Undecided,
                    () => Basis::Slot,
                };
            }
            let (mut moved, mut lost) = (false, false);
            for (i, cell) in counters.iter().enumerate() {
                let (now, before) = (value(i), if known { self.slots.counter(slot, i) } else { NULL });
                let gone = || {
                    (0..self.plan.parts())
                        .any(|part| self.plan.covers(part, i) && is_part_gone(self.slots.part(slot, part), marks.part(part, row)))
                };
                delta[i] = match basis {
                    Basis::Baseline => NULL,
                    Basis::Zero => cell.not_negative(now),
                    Basis::Restarted if self.plan.sums(i) || gone() => NULL,
                    Basis::Restarted => cell.not_negative(now),
                    Basis::Slot | Basis::Undecided if cell.less(now, before) || gone() => NULL,
                    Basis::Undecided if now != before => NULL,
                    Basis::Slot | Basis::Undecided => cell.minus(now, before),
                };
                moved |= !cell.is_zero_or_null(delta[i]);
                lost |= delta[i] == NULL && now != NULL && before != NULL && basis != Basis::Baseline;
            }
            let fact = facts.fact(row);
            let changed = moved
                || lost
                || (!known && self.describes)
                || (known && self.slots.fact(slot) != fact)
                || (known && refresh_us.is_some_and(|refresh| snapshot.ts_us.saturating_sub(self.slots.shipped(slot)) >= refresh));
            let ship = self.view.ship == Ship::Always || changed;

            (0..counters.len()).for_each(|i| self.slots.set_counter(slot, i, value(i)));
            for part in 0..self.plan.parts() {
                let before = if known { self.slots.part(slot, part) } else { None };
                let names = self.plan.remember(part, before, marks.part(part, row));
                self.slots.set_part(slot, part, names.as_deref());
            }
            self.slots.set_marks(slot, marks.numbers(row));
            self.slots.set(slot, fact, reset, copies, restarted);
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
        self.previous = Some(Previous {
            ts_us: snapshot.ts_us,
            complete: snapshot.cut == 0,
            // If the snapshot has no rows, the earlier horizon still holds.
            horizon: if snapshot.rows > 0 { marks.horizon } else { self.previous.as_ref().and_then(|previous| previous.horizon) },
            all_reset: marks.all_reset(),
        });
        let rows = assemble(&self.schema, server, snapshot, UInt32Array::from(shipped), intervals.finish(), deltas.finish())?;
        keep(&self.view, rows)
    }

    /// Whether a row has no identity. Such a row only carries the marks of a snapshot without other rows.
    fn is_empty(&self, snapshot: &Snapshot, row: usize) -> bool {
        self.identified && self.keys.iter().all(|column| snapshot.columns[*column].is_null(row))
    }

    /// Whether a row that was not in the last snapshot is new. Otherwise the row may only have been invisible.
    fn is_new(&self, born: Option<i64>) -> bool {
        let Some(Previous { horizon: Some(horizon), complete, .. }) = self.previous else { return false };
        born.map_or(complete, |born| born > horizon)
    }

    /// The reset times that the fall of a row's counter explains. Other rows with these reset times need not have been reset.
    fn explained(&self, keys: &RowHashes, counters: &[Cell<'_>], marks: &Marks<'_>) -> HashSet<i64> {
        let mut explained = HashSet::new();
        let rows = if marks.has_some_reset() { keys.len() } else { 0 };
        for row in 0..rows {
            let Some(slot) = self.slots.find(keys.key(row)) else { continue };
            let changes = marks.changes(row, self.slots.marks(slot));
            let fell = |(i, cell): (usize, &Cell<'_>)| cell.less(cell.value(row), self.slots.counter(slot, i));
            if changes.some_reset && counters.iter().enumerate().any(fell) {
                explained.insert(marks.some_reset(row));
            }
        }
        explained
    }
}
