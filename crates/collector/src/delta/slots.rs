//! The previous snapshot, held in few flat vectors: no allocation a row or a cell. Slots of rows that are gone are used again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::cell::NULL;

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
