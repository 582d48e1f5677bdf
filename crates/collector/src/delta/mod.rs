//! From snapshots to what is shipped: counters become deltas, rows that did not change stay behind.
//!
//! # Promise
//! Pure: no clock, no I/O. One [`Delta`] a view and server (and database, where the view is read in each).
//! - The first snapshot of a row is its baseline: counters and `interval_ms` are null.
//! - A row absent from the previous snapshot is new, and its delta is the full value, but only where that snapshot was complete;
//!   after a cut one it is a baseline again, since nobody knows what it was.
//! - A decrease of any counter, or a changed `reset` column, says that the row's counters started again: its delta is the new value.
//! - No delta is ever negative. The deltas between two such events sum up to last − first.
//! - After [`Delta::forget`] (another postmaster answered: a restart may have kept the counters or not, a failover brought another
//!   server's) everything is a baseline again: a false delta of a server's whole life is worse than an interval unknown.
//! - Rows with the same labels (names of dropped roles and databases are null) are one row; its counters are summed.
//!
//! # How
//! The previous snapshot is held compactly ([`slots`]): a 128-bit hash of the labels leads to a slot with the counters as integers,
//! one hash over all gauges and texts, the reset time, and when the row was last shipped.

pub mod rows;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow_schema::{ArrowError, SchemaRef};
use pganalytics_views::{Kind, Ship, Type, View, schema};

use crate::delta::rows::Snapshot;
use slots::{Cell, NULL, RowHashes, Slots};

/// The delta engine of one view on one server (and in one database).
#[derive(Debug)]
pub struct Delta {
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
    pub fn new(view: Arc<View>) -> Self {
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
    pub fn forget(&mut self) {
        self.previous = None;
        self.slots.clear();
    }

    /// The rows of a snapshot that are shipped, with deltas in place of counters.
    ///
    /// # Errors
    /// Where Arrow refuses the columns: the snapshot is not of this view.
    pub fn apply(&mut self, server: &str, snapshot: &Snapshot) -> Result<RecordBatch, ArrowError> {
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

/// Rows whose counters are deltas already (a probe's own sums), as a batch of the view's.
///
/// # Errors
/// Where Arrow refuses the columns: the snapshot is not of this view.
pub fn already_deltas(view: &View, server: &str, snapshot: &Snapshot, interval_ms: Option<i64>) -> Result<RecordBatch, ArrowError> {
    let mut columns = front(server, snapshot.ts_us, Int64Array::from(vec![interval_ms; snapshot.rows]));
    columns.extend(snapshot.columns.iter().cloned());
    RecordBatch::try_new(schema(view), columns)
}

/// `ts`, `server`, `interval_ms`.
fn front(server: &str, ts_us: i64, intervals: Int64Array) -> Vec<ArrayRef> {
    let rows = intervals.len();
    let mut servers = StringBuilder::with_capacity(rows, rows * server.len());
    (0..rows).for_each(|_| servers.append_value(server));
    vec![Arc::new(TimestampMicrosecondArray::from(vec![ts_us; rows]).with_timezone("UTC")), Arc::new(servers.finish()), Arc::new(intervals)]
}

fn assemble(
    schema: &SchemaRef,
    server: &str,
    snapshot: &Snapshot,
    shipped: UInt32Array,
    intervals: Int64Array,
    mut deltas: HashMap<usize, ArrayRef>,
) -> Result<RecordBatch, ArrowError> {
    let all = shipped.len() == snapshot.rows;
    let mut columns = front(server, snapshot.ts_us, intervals);
    for (i, column) in snapshot.columns.iter().enumerate() {
        columns.push(match deltas.remove(&i) {
            Some(delta) => delta,
            None if all => Arc::clone(column),
            None => arrow_select::take::take(column, &shipped, None)?,
        });
    }
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// Rows of the same labels.
struct Together {
    first: usize,
    copies: u16,
    values: Vec<i64>,
}

/// Finds rows with the same labels and sums their counters; each of them leads to its sum. Nearly always empty.
fn merge(keys: &RowHashes, counters: &[Cell<'_>]) -> HashMap<usize, Arc<Together>> {
    let mut first_of = HashMap::with_capacity(keys.len());
    let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
    for row in 0..keys.len() {
        let first = *first_of.entry(keys.key(row)).or_insert(row);
        if first != row {
            groups.entry(first).or_insert_with(|| vec![first]).push(row);
        }
    }
    let mut merged = HashMap::new();
    for (first, rows) in groups {
        let values = counters.iter().map(|cell| rows.iter().fold(NULL, |sum, row| cell.plus(sum, cell.value(*row)))).collect();
        let together = Arc::new(Together { first, copies: u16::try_from(rows.len()).unwrap_or(u16::MAX), values });
        merged.extend(rows.into_iter().map(|row| (row, Arc::clone(&together))));
    }
    merged
}

/// The counters' columns of the rows that are shipped.
struct Deltas {
    columns: Vec<(usize, DeltaColumn)>,
}

enum DeltaColumn {
    Int(Int64Builder),
    Float(Float64Builder),
}

impl Deltas {
    fn new(view: &View, counters: &[usize]) -> Self {
        let column = |column: &usize| match view.columns[*column].r#type {
            Type::Float8 => (*column, DeltaColumn::Float(Float64Builder::new())),
            _ => (*column, DeltaColumn::Int(Int64Builder::new())),
        };
        Self { columns: counters.iter().map(column).collect() }
    }

    fn append(&mut self, delta: &[i64]) {
        for ((_, column), value) in self.columns.iter_mut().zip(delta) {
            let value = Some(*value).filter(|value| *value != NULL);
            match column {
                DeltaColumn::Int(cells) => cells.append_option(value),
                DeltaColumn::Float(cells) => cells.append_option(value.map(slots::float)),
            }
        }
    }

    fn finish(self) -> HashMap<usize, ArrayRef> {
        let array = |column| -> ArrayRef {
            match column {
                DeltaColumn::Int(mut cells) => Arc::new(cells.finish()),
                DeltaColumn::Float(mut cells) => Arc::new(cells.finish()),
            }
        };
        self.columns.into_iter().map(|(position, column)| (position, array(column))).collect()
    }
}
