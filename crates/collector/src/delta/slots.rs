//! The previous snapshot, held in few flat vectors: no allocation a row or a cell.
//!
//! Counters of both types are held as `i64`: an integer as itself, a float as its bits; [`NULL`] stands for null. Slots of rows
//! that are gone are used again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// No counter has this value: integers start at zero, and as a float it would be −0, which [`bits`] makes 0.
pub(super) const NULL: i64 = i64::MIN;

/// A float counter as it is held.
fn bits(value: f64) -> i64 {
    if value.is_nan() {
        NULL
    } else {
        // −0 + 0 is 0.
        i64::from_ne_bytes((value + 0.0).to_ne_bytes())
    }
}

/// The float behind a held counter.
pub(super) fn float(value: i64) -> f64 {
    f64::from_ne_bytes(value.to_ne_bytes())
}

/// One column, read as integers.
pub(super) enum Cell<'a> {
    Int(&'a [i64], Option<&'a arrow_array::Int64Array>),
    Time(&'a arrow_array::TimestampMicrosecondArray),
    Float(&'a arrow_array::Float64Array),
    /// A column of another type: never a counter, by the definition's check.
    Other,
}

impl<'a> Cell<'a> {
    pub(super) fn new(column: &'a ArrayRef) -> Self {
        if let Some(cells) = column.as_primitive_opt::<Int64Type>() {
            Self::Int(cells.values(), (cells.null_count() > 0).then_some(cells))
        } else if let Some(cells) = column.as_primitive_opt::<Float64Type>() {
            Self::Float(cells)
        } else if let Some(cells) = column.as_primitive_opt::<TimestampMicrosecondType>() {
            Self::Time(cells)
        } else {
            Self::Other
        }
    }

    pub(super) fn value(&self, row: usize) -> i64 {
        match self {
            Self::Int(values, nulls) => {
                if nulls.is_some_and(|cells| cells.is_null(row)) {
                    NULL
                } else {
                    values[row]
                }
            }
            Self::Float(cells) => {
                if cells.is_null(row) {
                    NULL
                } else {
                    bits(cells.value(row))
                }
            }
            Self::Time(cells) => {
                if cells.is_null(row) {
                    NULL
                } else {
                    cells.value(row)
                }
            }
            Self::Other => NULL,
        }
    }

    pub(super) fn less(&self, value: i64, than: i64) -> bool {
        match self {
            _ if value == NULL || than == NULL => false,
            Self::Float(_) => float(value) < float(than),
            _ => value < than,
        }
    }

    pub(super) fn minus(&self, value: i64, before: i64) -> i64 {
        match self {
            _ if value == NULL || before == NULL => NULL,
            Self::Float(_) => bits(float(value) - float(before)),
            _ => value.saturating_sub(before),
        }
    }

    /// Null counts as nothing.
    pub(super) fn plus(&self, a: i64, b: i64) -> i64 {
        match self {
            _ if a == NULL => b,
            _ if b == NULL => a,
            Self::Float(_) => bits(float(a) + float(b)),
            _ => a.saturating_add(b),
        }
    }

    pub(super) fn not_negative(&self, value: i64) -> i64 {
        match self {
            _ if value == NULL => NULL,
            Self::Float(_) => bits(float(value).max(0.0)),
            _ => value.max(0),
        }
    }

    pub(super) fn is_zero_or_null(&self, value: i64) -> bool {
        match self {
            _ if value == NULL => true,
            Self::Float(_) => float(value) == 0.0,
            _ => value == 0,
        }
    }
}

/// A hash a row over some columns.
pub(super) struct RowHashes {
    hashers: Vec<DefaultHasher>,
}

impl RowHashes {
    pub(super) fn new(rows: usize) -> Self {
        Self { hashers: vec![DefaultHasher::new(); rows] }
    }

    pub(super) fn len(&self) -> usize {
        self.hashers.len()
    }

    pub(super) fn add(&mut self, column: &ArrayRef) {
        let rows = self.hashers.iter_mut().enumerate();
        match column.data_type() {
            DataType::Utf8 => {
                let cells = column.as_string::<i32>();
                rows.for_each(|(row, hasher)| cells.is_valid(row).then(|| cells.value(row)).hash(hasher));
            }
            DataType::Boolean => {
                let cells = column.as_boolean();
                rows.for_each(|(row, hasher)| cells.is_valid(row).then(|| cells.value(row)).hash(hasher));
            }
            _ => {
                let cell = Cell::new(column);
                rows.for_each(|(row, hasher)| cell.value(row).hash(hasher));
            }
        }
    }

    /// 128 bits: two rows of different labels never meet.
    pub(super) fn key(&self, row: usize) -> u128 {
        let mut second = self.hashers[row].clone();
        let first = second.finish();
        0x5bd1_e995_u64.hash(&mut second);
        u128::from(first) << 64 | u128::from(second.finish())
    }

    /// 64 bits: a change goes unseen once in 2^64.
    pub(super) fn fact(&self, row: usize) -> u64 {
        self.hashers[row].finish()
    }
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_ne_bytes(word);
        }
    }
}

#[derive(Debug)]
pub(super) struct Slots {
    width: usize,
    index: HashMap<u128, u32, BuildHasherDefault<AsItIs>>,
    counters: Vec<i64>,
    rows: Vec<Slot>,
    free: Vec<u32>,
    generation: u32,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    fact: u64,
    reset: i64,
    shipped_us: i64,
    generation: u32,
    copies: u16,
}

impl Slots {
    pub(super) fn new(width: usize) -> Self {
        Self { width, index: HashMap::default(), counters: Vec::new(), rows: Vec::new(), free: Vec::new(), generation: 0 }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.width);
    }

    /// A snapshot begins.
    pub(super) fn begin(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// The slot of a key, and whether it was there before.
    pub(super) fn find_or_add(&mut self, key: u128) -> (usize, bool) {
        let generation = self.generation;
        if let Some(slot) = self.index.get(&key) {
            let slot = *slot as usize;
            self.rows[slot].generation = generation;
            return (slot, true);
        }
        let empty = Slot { fact: 0, reset: NULL, shipped_us: 0, generation, copies: 1 };
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
                self.rows.push(empty);
                self.counters.resize(self.counters.len() + self.width, NULL);
                slot
            }
        };
        self.index.insert(key, slot);
        self.rows[slot as usize] = empty;
        (slot as usize, false)
    }

    /// The snapshot ends: slots it did not touch become free.
    pub(super) fn end(&mut self) {
        let Self { index, rows, free, generation, .. } = self;
        index.retain(|_, slot| {
            let there = rows[*slot as usize].generation == *generation;
            if !there {
                free.push(*slot);
            }
            there
        });
        // Much less than there once was: give the memory back.
        if index.is_empty() {
            self.clear();
        }
    }

    pub(super) fn counter(&self, slot: usize, counter: usize) -> i64 {
        self.counters[slot * self.width + counter]
    }

    pub(super) fn set_counter(&mut self, slot: usize, counter: usize, value: i64) {
        self.counters[slot * self.width + counter] = value;
    }

    pub(super) fn fact(&self, slot: usize) -> u64 {
        self.rows[slot].fact
    }

    pub(super) fn reset(&self, slot: usize) -> i64 {
        self.rows[slot].reset
    }

    pub(super) fn copies(&self, slot: usize) -> u16 {
        self.rows[slot].copies
    }

    pub(super) fn shipped(&self, slot: usize) -> i64 {
        self.rows[slot].shipped_us
    }

    pub(super) fn set(&mut self, slot: usize, fact: u64, reset: i64, copies: u16) {
        let row = &mut self.rows[slot];
        (row.fact, row.reset, row.copies) = (fact, reset, copies);
    }

    pub(super) fn set_shipped(&mut self, slot: usize, ts_us: i64) {
        self.rows[slot].shipped_us = ts_us;
    }
}
