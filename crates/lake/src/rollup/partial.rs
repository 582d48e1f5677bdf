//! Rows to partial rows, and partial rows to fewer.

use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::cast::AsArray as _;
use arrow::array::types::{Int64Type, TimestampMicrosecondType};
use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};

use super::binning::Binning;
use super::column::{Made, Take};
use super::groups::Groups;

impl Binning {
    /// Rows of the view, in any order, as rows of the rollup: what lies side by side in one bin is summed.
    pub(crate) fn partials(&self, raw: &RecordBatch) -> anyhow::Result<RecordBatch> {
        let moments = raw.column(self.raw_ts).as_primitive::<TimestampMicrosecondType>();
        let starts: TimestampMicrosecondArray = moments.unary(|ts: i64| ts.div_euclid(self.bin) * self.bin);
        let starts: ArrayRef = Arc::new(starts.with_timezone("UTC"));
        let source = |made: &Made| if made.take == Take::Key && made.raw == self.raw_ts { &starts } else { raw.column(made.raw) };
        let keys: Vec<ArrayRef> = self.key.iter().filter_map(|at| self.columns.get(*at)).map(|made| Arc::clone(source(made))).collect();
        let groups = Groups::of(&keys, moments)?;
        let columns = self.columns.iter().zip(self.schema.fields()).map(|(made, field)| {
            let values = source(made);
            match made.take {
                Take::Rows => Ok(groups.lengths()),
                Take::Count => Ok(groups.counts(values)),
                Take::Mean => Ok(groups.means(values, made.whole)),
                _ => groups.aggregated(made.take, values, field.data_type()),
            }
        });
        let columns = columns.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Partial rows that lie side by side become one.
    pub(crate) fn combined(&self, rows: RecordBatch) -> anyhow::Result<RecordBatch> {
        let keys: Vec<ArrayRef> = self.key.iter().map(|at| Arc::clone(rows.column(*at))).collect();
        let groups = Groups::of(&keys, rows.column(self.last_ts).as_primitive::<TimestampMicrosecondType>())?;
        if groups.ranges.len() == rows.num_rows() {
            return Ok(rows);
        }
        let columns = self.columns.iter().zip(rows.columns()).zip(self.schema.fields()).map(|((made, values), field)| match made.take {
            Take::Rows | Take::Count => groups.aggregated(Take::Sum, values, field.data_type()),
            Take::Mean => {
                let weights = rows.column(made.weight.context("a mean without its weight")?);
                Ok(groups.weighted(values, weights.as_primitive::<Int64Type>(), made.whole))
            }
            take => groups.aggregated(take, values, field.data_type()),
        });
        let columns = columns.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}
