//! How rows of one table become rows of one of its rollups.

use std::sync::Arc;

use anyhow::Context as _;
use arrow::datatypes::{DataType, SchemaRef};
use pganalytics_views::{AVG, COUNT, INTERVAL_MS, Kind, LAST_TS, MAX, MIN, SERVER, SNAPSHOTS, TS};

use super::column::{Aggregate, RollupColumn};
use crate::model::{Shape, TS_AT};

/// The columns of a rollup, and how each column is computed.
#[derive(Debug, Clone)]
pub(crate) struct Binning {
    /// The schema of the rollup's rows.
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<RollupColumn>,
    /// The key among the rollup's columns: server, labels…, ts.
    pub(super) key: Vec<usize>,
    pub(super) last_ts: usize,
    /// The position of `ts` in the view's rows.
    pub(super) raw_ts: usize,
    pub(super) bin: i64,
}

impl Binning {
    /// How rows of `raw` become rows of `rollup`.
    pub(crate) fn new(rollup: &Shape, raw: &Shape) -> anyhow::Result<Self> {
        let origin = rollup.view.rollup.as_ref().with_context(|| format!("{} is not a rollup", rollup.name()))?;
        let raw_at = |name: &str| raw.stored.index_of(name).with_context(|| format!("{}: no column {name}", raw.name()));
        let at = |name: &str| rollup.stored.index_of(name).with_context(|| format!("{}: no column {name}", rollup.name()));
        let column = |name: &str| -> anyhow::Result<RollupColumn> {
            let of = |aggregate, raw_name: &str| {
                let raw = raw_at(raw_name)?;
                let weight = (aggregate == Aggregate::Mean).then(|| at(&format!("{raw_name}{COUNT}"))).transpose()?;
                let whole = rollup.stored.field(at(name)?).data_type() == &DataType::Int64;
                anyhow::Ok(RollupColumn { aggregate, raw, weight, whole })
            };
            match name {
                TS | SERVER => return of(Aggregate::Key, name),
                INTERVAL_MS => return of(Aggregate::Sum, name),
                SNAPSHOTS => return of(Aggregate::Rows, TS),
                LAST_TS => return of(Aggregate::LastTs, TS),
                _ => {}
            }
            if let Some(known) = raw.view.column(name) {
                let aggregate = match known.kind {
                    Kind::Label => Aggregate::Key,
                    Kind::Counter => Aggregate::Sum,
                    Kind::Gauge | Kind::Text => Aggregate::Last,
                };
                return of(aggregate, name);
            }
            for (end, aggregate) in [(MIN, Aggregate::Min), (MAX, Aggregate::Max), (AVG, Aggregate::Mean), (COUNT, Aggregate::Count)] {
                if let Some(gauge) = name.strip_suffix(end).filter(|gauge| raw.view.column(gauge).is_some()) {
                    return of(aggregate, gauge);
                }
            }
            anyhow::bail!("{}: column {name} does not exist in {}", rollup.name(), raw.name())
        };
        let columns = rollup.stored.fields().iter().map(|field| column(field.name())).collect::<anyhow::Result<_>>()?;
        let bin = i64::try_from(origin.tier.bin().as_micros()).context("the bin is too long")?;
        Ok(Self { schema: Arc::clone(&rollup.stored), columns, key: rollup.order.clone(), last_ts: at(LAST_TS)?, raw_ts: TS_AT, bin })
    }

    /// The schema of the rollup's rows.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The sort order of the rows.
    pub(crate) fn key(&self) -> &[usize] {
        &self.key
    }

    /// The length of a bin in microseconds.
    pub(crate) fn bin(&self) -> i64 {
        self.bin
    }
}
