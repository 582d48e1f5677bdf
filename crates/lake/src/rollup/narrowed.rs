//! A rollup of fewer columns: those that a query wants, and those that their sums need.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;

use super::binning::Binning;
use super::column::RollupColumn;

/// A [`Binning`] of fewer columns.
#[derive(Debug)]
pub(crate) struct Narrowed {
    pub(crate) binning: Binning,
    /// Its columns among the rollup's.
    pub(crate) rollup_columns: Vec<usize>,
    /// The columns of the view's rows that it takes.
    pub(crate) raw_columns: Vec<usize>,
    /// Where among its columns the wanted ones are.
    pub(crate) shown: Vec<usize>,
}

impl Binning {
    /// The same for those columns only that are wanted, and those that their sums need; all without a projection.
    pub(crate) fn narrowed(&self, projection: Option<&Vec<usize>>) -> anyhow::Result<Narrowed> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let weights = wanted.iter().filter_map(|at| self.columns.get(*at)?.weight);
        let needed: BTreeSet<usize> = wanted.iter().copied().chain(weights).chain(self.key.iter().copied()).chain([self.last_ts]).collect();
        let rollup_columns: Vec<usize> = needed.into_iter().collect();
        let of = |at: &usize| self.columns.get(*at).context("a column that the rollup has not");
        let made: Vec<&RollupColumn> = rollup_columns.iter().map(of).collect::<anyhow::Result<_>>()?;
        let raw: BTreeSet<usize> = made.iter().map(|made| made.raw).chain([self.raw_ts]).collect();
        let raw_columns: Vec<usize> = raw.into_iter().collect();
        let place = |columns: &[usize], at: usize| columns.binary_search(&at).ok().context("a column that was left out");
        let columns = made.into_iter().map(|made| {
            let weight = made.weight.map(|weight| place(&rollup_columns, weight)).transpose()?;
            Ok(RollupColumn { raw: place(&raw_columns, made.raw)?, weight, ..made.clone() })
        });
        let binning = Self {
            schema: Arc::new(self.schema.project(&rollup_columns)?),
            columns: columns.collect::<anyhow::Result<_>>()?,
            key: self.key.iter().map(|at| place(&rollup_columns, *at)).collect::<anyhow::Result<_>>()?,
            last_ts: place(&rollup_columns, self.last_ts)?,
            raw_ts: place(&raw_columns, self.raw_ts)?,
            bin: self.bin,
        };
        let shown = wanted.iter().map(|at| place(&rollup_columns, *at)).collect::<anyhow::Result<_>>()?;
        Ok(Narrowed { binning, rollup_columns, raw_columns, shown })
    }
}
