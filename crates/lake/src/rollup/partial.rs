//! Makes partial rows from rows, and combines neighbouring partial rows.

use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::cast::AsArray as _;
use arrow::array::types::{Int64Type, TimestampMicrosecondType};
use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};

use super::binning::Binning;
use super::column::{Aggregate, RollupColumn};
use super::groups::Groups;

impl Binning {
    /// Makes partial rows from the view's rows, which may be in any order: neighbouring rows of one key and bin are summed.
    pub(crate) fn partials(&self, raw: &RecordBatch) -> anyhow::Result<RecordBatch> {
        let moments = raw.column(self.raw_ts).as_primitive::<TimestampMicrosecondType>();
        let starts: TimestampMicrosecondArray = moments.unary(|ts: i64| ts.div_euclid(self.bin) * self.bin);
        let starts: ArrayRef = Arc::new(starts.with_timezone("UTC"));
        let source = |column: &RollupColumn| {
            if column.aggregate == Aggregate::Key && column.raw == self.raw_ts { &starts } else { raw.column(column.raw) }
        };
        let keys: Vec<ArrayRef> = self.key.iter().filter_map(|at| self.columns.get(*at)).map(|column| Arc::clone(source(column))).collect();
        let groups = Groups::of(&keys, moments)?;
        let columns = self.columns.iter().zip(self.schema.fields()).map(|(column, field)| {
            let values = source(column);
            match column.aggregate {
                Aggregate::Rows => Ok(groups.lengths()),
                Aggregate::Count => Ok(groups.counts(values)),
                Aggregate::Mean => Ok(groups.means(values, column.whole)),
                _ => groups.aggregated(column.aggregate, values, field.data_type()),
            }
        });
        let columns = columns.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Combines neighbouring partial rows of one key and bin.
    pub(crate) fn combined(&self, rows: RecordBatch) -> anyhow::Result<RecordBatch> {
        let keys: Vec<ArrayRef> = self.key.iter().map(|at| Arc::clone(rows.column(*at))).collect();
        let groups = Groups::of(&keys, rows.column(self.last_ts).as_primitive::<TimestampMicrosecondType>())?;
        if groups.ranges.len() == rows.num_rows() {
            return Ok(rows);
        }
        let columns =
            self.columns.iter().zip(rows.columns()).zip(self.schema.fields()).map(|((column, values), field)| match column.aggregate {
                Aggregate::Rows | Aggregate::Count => groups.aggregated(Aggregate::Sum, values, field.data_type()),
                Aggregate::Mean => {
                    let weights = rows.column(column.weight.context("a mean has no weight column")?);
                    Ok(groups.weighted(values, weights.as_primitive::<Int64Type>(), column.whole))
                }
                take => groups.aggregated(take, values, field.data_type()),
            });
        let columns = columns.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}
