//! Means over ranges of rows: plain means of the view's rows, weighted means of partial rows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Float64Type, Int64Type};
use arrow::array::{Array as _, ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::DataType;

use super::groups::{Groups, known};

impl Groups<'_> {
    /// The mean of the non-null values of each range.
    pub(crate) fn means(&self, values: &ArrayRef, is_whole: bool) -> ArrayRef {
        match values.data_type() {
            DataType::Int64 => {
                let values = values.as_primitive::<Int64Type>();
                let sums = self.ranges.iter().map(|range| {
                    known(values, range).fold((0i128, 0i128), |(sum, count), row| (sum + i128::from(values.value(row)), count + 1))
                });
                match is_whole {
                    true => Arc::new(Int64Array::from_iter(sums.map(|(sum, count)| divided(sum, count)))),
                    false => Arc::new(Float64Array::from_iter(sums.map(|(sum, count)| (count > 0).then(|| float(sum) / float(count))))),
                }
            }
            DataType::Boolean => {
                let values = values.as_boolean();
                let share = |range: &Range<usize>| {
                    let known = range.clone().filter(|row| values.is_valid(*row));
                    let (all, count) = known.fold((0i128, 0i128), |(all, count), row| (all + i128::from(values.value(row)), count + 1));
                    (count > 0).then(|| float(all) / float(count))
                };
                Arc::new(Float64Array::from_iter(self.ranges.iter().map(share)))
            }
            _ => {
                let values = values.as_primitive::<Float64Type>();
                let mean = |range: &Range<usize>| {
                    let (sum, count) = known(values, range).fold((0.0, 0i128), |(sum, count), row| (sum + values.value(row), count + 1));
                    (count > 0).then(|| sum / float(count))
                };
                Arc::new(Float64Array::from_iter(self.ranges.iter().map(mean)))
            }
        }
    }

    /// The weighted mean of the means in each range; a weight is the number of values behind a mean.
    pub(crate) fn weighted(&self, values: &ArrayRef, weights: &Int64Array, is_whole: bool) -> ArrayRef {
        if is_whole {
            let values = values.as_primitive::<Int64Type>();
            let mean = |range: &Range<usize>| {
                let parts = known(values, range).map(|row| (i128::from(values.value(row)), i128::from(weights.value(row))));
                let (sum, count) = parts.fold((0i128, 0i128), |(sum, count), (mean, weight)| (sum + mean * weight, count + weight));
                divided(sum, count)
            };
            return Arc::new(Int64Array::from_iter(self.ranges.iter().map(mean)));
        }
        let values = values.as_primitive::<Float64Type>();
        let mean = |range: &Range<usize>| {
            let mut parts = known(values, range);
            let first = parts.next()?;
            // The mean of a single part is that part: a multiplication and a division would round it.
            let Some(second) = parts.next() else { return Some(values.value(first)) };
            let all = [first, second].into_iter().chain(parts);
            let (sum, count) = all.fold((0.0, 0i128), |(sum, count), row| {
                let weight = i128::from(weights.value(row));
                (sum + values.value(row) * float(weight), count + weight)
            });
            Some(sum / float(count))
        };
        Arc::new(Float64Array::from_iter(self.ranges.iter().map(mean)))
    }
}

/// The mean, rounded to the nearest integer.
fn divided(sum: i128, count: i128) -> Option<i64> {
    (count > 0).then(|| i64::try_from((2 * sum + count).div_euclid(2 * count)).unwrap_or(i64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "a mean is a float")]
fn float(number: i128) -> f64 {
    number as f64
}
