//! The rows that the backend must have, by the ledger.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

use super::answers::MAX_ROWS;
use super::total::Total;
use crate::fleet::ledger::History;
use crate::fleet::rows::{Rows, Sum};

/// Rows that one query groups: they must fit in the memory of a query.
const GROUPED: u64 = 250_000;

/// The rows that the backend must have, by the ledger.
pub(super) struct Expected<'a> {
    pub(super) rows: &'a Rows,
    /// Each collector's last sequence that was acknowledged or refused.
    pub(super) last: Vec<u64>,
    refused: BTreeSet<(u32, u64)>,
}

impl<'a> Expected<'a> {
    /// # Errors
    /// If the ledger was written with rows that this build does not make.
    pub(super) fn new(rows: &'a Rows, history: &History) -> Result<Self> {
        let mut last = vec![0; history.shape.collectors as usize];
        let mut refused = BTreeSet::new();
        let mut acknowledged: BTreeMap<(u32, String), Sum> = BTreeMap::new();
        for entry in &history.entries {
            *last.get_mut(entry.collector as usize).context("a collector of the ledger's fleet")? = entry.sequence;
            if entry.refused.is_some() {
                refused.insert((entry.collector, entry.sequence));
                continue;
            }
            for (view, sum) in &entry.sums {
                let known = acknowledged.entry((entry.collector, view.clone())).or_default();
                *known = known.and(*sum);
            }
        }
        let this = Self { rows, last, refused };
        for ((collector, view), sum) in acknowledged {
            let made = (0..history.shape.servers).map(|server| this.totals(&view, collector, server).0.sum).fold(Sum::default(), Sum::and);
            ensure!(
                made == sum,
                "the ledger has {sum:?} of {view} from collector {collector}, this build makes {made:?}: judge with the build that shipped"
            );
        }
        Ok(this)
    }

    /// The batch that covers a time.
    pub(super) fn sequence(&self, ts: i64) -> u64 {
        let shape = self.rows.shape();
        u64::try_from((ts - shape.origin_us).div_euclid(i64::from(shape.flush_ms) * 1_000)).unwrap_or(0) + 1
    }

    pub(super) fn acknowledged(&self, collector: u32, ts: i64) -> bool {
        let sequence = self.sequence(ts);
        sequence <= self.last[collector as usize] && !self.refused.contains(&(collector, sequence))
    }

    /// The rows that were acknowledged, and the rows in flight at the end.
    pub(super) fn totals(&self, view: &str, collector: u32, server: u32) -> (Total, Total) {
        let (mut acknowledged, mut pending) = (Total::default(), Total::default());
        let end = self.rows.shape().window(self.last[collector as usize]).1;
        self.rows.each(view, collector, server, (self.rows.shape().origin_us, end), |row| {
            if self.refused.is_empty() || self.acknowledged(collector, row.ts) {
                acknowledged.add(&row);
            }
        });
        self.rows.each(view, collector, server, self.pending(collector), |row| pending.add(&row));
        (acknowledged, pending)
    }

    /// The time of the batch in flight at the end.
    pub(super) fn pending(&self, collector: u32) -> (i64, i64) {
        match self.rows.shape().batches {
            Some(batches) if self.last[collector as usize] >= batches => (0, 0),
            _ => self.rows.shape().window(self.last[collector as usize] + 1),
        }
    }

    /// The last collector of a group whose rows one query can count.
    pub(super) fn group(&self, view: &str, first: u32) -> u32 {
        let shape = self.rows.shape();
        let (mut rows, mut servers) = (0, 0);
        for collector in first..shape.collectors {
            rows += self.totals(view, collector, 0).0.sum.rows * u64::from(shape.servers);
            servers += u64::from(shape.servers);
            if collector > first && (rows > GROUPED || servers > MAX_ROWS) {
                return collector - 1;
            }
        }
        shape.collectors - 1
    }
}
