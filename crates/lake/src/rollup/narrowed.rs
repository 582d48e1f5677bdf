//! A rollup with fewer columns: the columns that a query wants, and the columns that those are computed from.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;

use super::binning::Binning;
use super::column::RollupColumn;

/// A [`Binning`] with fewer columns.
#[derive(Debug)]
pub(crate) struct Narrowed {
    pub(crate) binning: Binning,
    /// The positions of its columns in the rollup.
    pub(crate) rollup_columns: Vec<usize>,
    /// The columns that it reads of the view's rows.
    pub(crate) raw_columns: Vec<usize>,
    /// The positions of the wanted columns among its own.
    pub(crate) shown: Vec<usize>,
}

impl Binning {
    /// The same binning for the wanted columns and the columns that those are computed from; all columns without a projection.
    pub(crate) fn narrowed(&self, projection: Option<&Vec<usize>>) -> anyhow::Result<Narrowed> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let weights = wanted.iter().filter_map(|at| self.columns.get(*at)?.weight);
        let needed: BTreeSet<usize> = wanted.iter().copied().chain(weights).chain(self.key.iter().copied()).chain([self.last_ts]).collect();
        let rollup_columns: Vec<usize> = needed.into_iter().collect();
        let of = |at: &usize| self.columns.get(*at).context("the rollup does not have this column");
        let made: Vec<&RollupColumn> = rollup_columns.iter().map(of).collect::<anyhow::Result<_>>()?;
        let raw: BTreeSet<usize> = made.iter().map(|made| made.raw).chain([self.raw_ts]).collect();
        let raw_columns: Vec<usize> = raw.into_iter().collect();
        let place = |columns: &[usize], at: usize| columns.binary_search(&at).ok().context("the column was left out");
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
