//! The previous snapshot in a few flat vectors. Except for the names of parts, nothing is allocated per row or cell. Slots of rows that no longer
//! exist are reused.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::cell::NULL;

/// A hasher that returns keys unchanged, since keys are hashes already.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
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
    numbers: usize,
    parts: usize,
    index: HashMap<u128, u32, BuildHasherDefault<Identity>>,
    counters: Vec<i64>,
    /// Marks that are compared as numbers.
    marks: Vec<i64>,
    /// Marks that name parts.
    names: Vec<Option<Box<str>>>,
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
    /// Whether the counters fell and no mark or reset time has explained the fall yet.
    restarted: bool,
}

impl Slots {
    /// Makes slots for rows with `width` counters, `numbers` marks that are numbers, and `parts` marks that name parts.
    pub(super) fn new(width: usize, numbers: usize, parts: usize) -> Self {
        Self {
            width,
            numbers,
            parts,
            index: HashMap::default(),
            counters: Vec::new(),
            marks: Vec::new(),
            names: Vec::new(),
            rows: Vec::new(),
            free: Vec::new(),
            generation: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.width, self.numbers, self.parts);
    }

    /// Begins a snapshot.
    pub(super) fn begin(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// The slot of a key, if there is one.
    pub(super) fn find(&self, key: u128) -> Option<usize> {
        self.index.get(&key).map(|slot| *slot as usize)
    }

    /// Returns the slot of a key, and whether the slot existed before.
    pub(super) fn find_or_add(&mut self, key: u128) -> (usize, bool) {
        let generation = self.generation;
        if let Some(slot) = self.index.get(&key) {
            let slot = *slot as usize;
            self.rows[slot].generation = generation;
            return (slot, true);
        }
        let empty = Slot { fact: 0, reset: NULL, shipped_us: 0, generation, copies: 1, restarted: false };
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
                self.rows.push(empty);
                self.counters.resize(self.counters.len() + self.width, NULL);
                self.marks.resize(self.marks.len() + self.numbers, NULL);
                self.names.resize(self.names.len() + self.parts, None);
                slot
            }
        };
        self.index.insert(key, slot);
        self.rows[slot as usize] = empty;
        (slot as usize, false)
    }

    /// Ends the snapshot. The slots of rows that are not in the snapshot become free.
    pub(super) fn end(&mut self) {
        let Self { index, rows, free, generation, .. } = self;
        index.retain(|_, slot| {
            let there = rows[*slot as usize].generation == *generation;
            if !there {
                free.push(*slot);
            }
            there
        });
        // No rows are left, so the memory is released.
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

    pub(super) fn restarted(&self, slot: usize) -> bool {
        self.rows[slot].restarted
    }

    /// The marks that are numbers.
    pub(super) fn marks(&self, slot: usize) -> &[i64] {
        &self.marks[slot * self.numbers..(slot + 1) * self.numbers]
    }

    pub(super) fn set_marks(&mut self, slot: usize, marks: impl Iterator<Item = i64>) {
        let begin = slot * self.numbers;
        self.marks[begin..begin + self.numbers].iter_mut().zip(marks).for_each(|(mark, value)| *mark = value);
    }

    pub(super) fn part(&self, slot: usize, part: usize) -> Option<&str> {
        self.names[slot * self.parts + part].as_deref()
    }

    pub(super) fn set_part(&mut self, slot: usize, part: usize, name: Option<&str>) {
        let place = &mut self.names[slot * self.parts + part];
        if place.as_deref() != name {
            *place = name.map(Into::into);
        }
    }

    pub(super) fn set(&mut self, slot: usize, fact: u64, reset: i64, copies: u16, restarted: bool) {
        let row = &mut self.rows[slot];
        (row.fact, row.reset, row.copies, row.restarted) = (fact, reset, copies, restarted);
    }

    pub(super) fn set_shipped(&mut self, slot: usize, ts_us: i64) {
        self.rows[slot].shipped_us = ts_us;
    }
}
