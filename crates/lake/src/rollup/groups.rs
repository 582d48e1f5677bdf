//! Kernels: aggregates of a column over ranges of equal keys.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::array::{Array as _, ArrayRef, ArrowPrimitiveType, Int64Array, PrimitiveArray, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::{partition, take};
use arrow::datatypes::DataType;

use super::column::Aggregate;

/// Ranges of rows with equal keys, and the time of each row.
pub(crate) struct Groups<'a> {
    pub(crate) ranges: Vec<Range<usize>>,
    moments: &'a TimestampMicrosecondArray,
}

impl<'a> Groups<'a> {
    pub(crate) fn of(keys: &[ArrayRef], moments: &'a TimestampMicrosecondArray) -> anyhow::Result<Self> {
        let ranges = if moments.is_empty() { Vec::new() } else { partition(keys)?.ranges() };
        Ok(Self { ranges, moments })
    }

    /// The number of rows in each range.
    pub(crate) fn lengths(&self) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(self.ranges.iter().map(|range| whole(range.len()))))
    }

    /// The number of non-null values in each range.
    pub(crate) fn counts(&self, values: &ArrayRef) -> ArrayRef {
        let count = |range: &Range<usize>| whole(range.len() - values.slice(range.start, range.len()).null_count());
        Arc::new(Int64Array::from_iter_values(self.ranges.iter().map(count)))
    }

    /// One value from each range.
    pub(crate) fn aggregated(&self, aggregate: Aggregate, values: &ArrayRef, r#type: &DataType) -> anyhow::Result<ArrayRef> {
        Ok(match (aggregate, r#type) {
            (Aggregate::Key, _) => self.chosen(values, |range| range.start)?,
            (Aggregate::Last, _) => self.chosen(values, |range| self.latest(range))?,
            (Aggregate::Sum, DataType::Int64) => self.folded::<Int64Type>(values, i64::wrapping_add),
            (Aggregate::Sum, DataType::Float64) => self.folded::<Float64Type>(values, |a, b| a + b),
            (Aggregate::Min, DataType::Int64) => self.folded::<Int64Type>(values, i64::min),
            (Aggregate::Max, DataType::Int64) => self.folded::<Int64Type>(values, i64::max),
            (Aggregate::Min, DataType::Float64) => self.folded::<Float64Type>(values, |a, b| if b.total_cmp(&a).is_lt() { b } else { a }),
            (Aggregate::Max, DataType::Float64) => self.folded::<Float64Type>(values, |a, b| if b.total_cmp(&a).is_gt() { b } else { a }),
            (Aggregate::Min, DataType::Timestamp(..)) => self.folded::<TimestampMicrosecondType>(values, i64::min),
            (Aggregate::Max | Aggregate::LastTs, DataType::Timestamp(..)) => self.folded::<TimestampMicrosecondType>(values, i64::max),
            (aggregate, r#type) => anyhow::bail!("{aggregate:?} is not supported for {type}"),
        })
    }

    fn chosen(&self, values: &ArrayRef, row: impl Fn(&Range<usize>) -> usize) -> anyhow::Result<ArrayRef> {
        let rows = self.ranges.iter().map(|range| u32::try_from(row(range))).collect::<Result<Vec<_>, _>>()?;
        Ok(take(values, &UInt32Array::from(rows), None)?)
    }

    /// The row with the latest time; the last one of several.
    fn latest(&self, range: &Range<usize>) -> usize {
        range.clone().max_by_key(|row| self.moments.value(*row)).unwrap_or(range.start)
    }

    /// The non-null values of each range, folded; null if there are none.
    fn folded<T: ArrowPrimitiveType>(&self, values: &ArrayRef, fold: impl Fn(T::Native, T::Native) -> T::Native) -> ArrayRef {
        let values = values.as_primitive::<T>();
        let folded = self.ranges.iter().map(|range| known(values, range).map(|row| values.value(row)).reduce(&fold));
        Arc::new(PrimitiveArray::<T>::from_iter(folded).with_data_type(values.data_type().clone()))
    }
}

/// The rows of a range with a non-null value.
pub(crate) fn known<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, range: &Range<usize>) -> impl Iterator<Item = usize> {
    range.clone().filter(|row| values.is_valid(*row))
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
