//! Rollups: rows of a table summed over bins, a few rows of memory at a time.
//!
//! # Promise
//! A rollup is exactly its rows' aggregate, however they are cut into batches and files and in whatever order the pieces come together.
//! Integer sums are SQL's (they wrap); averages are exact but for rounding; durations stay integer nanoseconds.
//!
//! # How
//! [`Binning::partials`] sums what lies side by side in a batch; its rows have the rollup's shape (see [`pganalytics_views::rollup`] for
//! the columns), and the same key and bin may come more than once. Since every column of that shape knows what it stands for,
//! [`Combiner`] sums partial rows again: sorted by (server, labels…, ts) they meet, and one row a key and bin is left. It holds back
//! the last row of a batch, which the next one may go on with; so its memory is one row beside the batch.
//!
//! Kernels go column by column over ranges of equal keys, since a row at a time would look up types as often as there are values.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::cast::AsArray as _;
use arrow::array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::array::{
    Array as _, ArrayRef, ArrowPrimitiveType, Float64Array, Int64Array, PrimitiveArray, RecordBatch, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, partition, take};
use arrow::datatypes::{DataType, SchemaRef};
use pganalytics_views::{AVG, COUNT, INTERVAL_MS, Kind, LAST_TS, MAX, MIN, SERVER, SNAPSHOTS, TS};

use crate::model::shape::{Shape, TS_AT};

/// What becomes of the values of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Part of the key, `ts` included: alike in all.
    Key,
    Sum,
    Min,
    Max,
    /// The value at the latest moment, null if it was null.
    Last,
    /// The mean, weighted in partial rows.
    Mean,
    /// How many values there are, or what partial rows counted.
    Count,
    /// How many rows there are, or what partial rows counted.
    Rows,
    /// The latest moment.
    LastTs,
}

/// One column of the rollup: how it is made, and of what.
#[derive(Debug, Clone)]
struct Made {
    take: Take,
    /// Where the view's rows have its values.
    raw: usize,
    /// Where partial rows have the weight of a mean.
    weight: Option<usize>,
    /// The values are integers, and so is their mean.
    whole: bool,
}

/// How rows of one table become rows of one of its rollups.
#[derive(Debug, Clone)]
pub(crate) struct Binning {
    /// Of the rollup's rows.
    schema: SchemaRef,
    columns: Vec<Made>,
    /// The key among the rollup's columns: server, labels…, ts.
    key: Vec<usize>,
    last_ts: usize,
    /// Where the view's rows have their moment.
    raw_ts: usize,
    bin: i64,
}

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
    /// From a table's shape to its rollup's.
    pub(crate) fn new(rollup: &Shape, raw: &Shape) -> anyhow::Result<Self> {
        let origin = rollup.view.rollup.as_ref().with_context(|| format!("{} is no rollup", rollup.name()))?;
        let raw_at = |name: &str| raw.stored.index_of(name).with_context(|| format!("{}: no column {name}", raw.name()));
        let at = |name: &str| rollup.stored.index_of(name).with_context(|| format!("{}: no column {name}", rollup.name()));
        let made = |name: &str| -> anyhow::Result<Made> {
            let of = |take, raw_name: &str| {
                let raw = raw_at(raw_name)?;
                let weight = (take == Take::Mean).then(|| at(&format!("{raw_name}{COUNT}"))).transpose()?;
                let whole = rollup.stored.field(at(name)?).data_type() == &DataType::Int64;
                anyhow::Ok(Made { take, raw, weight, whole })
            };
            match name {
                TS | SERVER => return of(Take::Key, name),
                INTERVAL_MS => return of(Take::Sum, name),
                SNAPSHOTS => return of(Take::Rows, TS),
                LAST_TS => return of(Take::LastTs, TS),
                _ => {}
            }
            if let Some(column) = raw.view.column(name) {
                let take = match column.kind {
                    Kind::Label => Take::Key,
                    Kind::Counter => Take::Sum,
                    Kind::Gauge | Kind::Text => Take::Last,
                };
                return of(take, name);
            }
            for (end, take) in [(MIN, Take::Min), (MAX, Take::Max), (AVG, Take::Mean), (COUNT, Take::Count)] {
                if let Some(gauge) = name.strip_suffix(end).filter(|gauge| raw.view.column(gauge).is_some()) {
                    return of(take, gauge);
                }
            }
            anyhow::bail!("{}: column {name} comes from none of {}", rollup.name(), raw.name())
        };
        let columns = rollup.stored.fields().iter().map(|field| made(field.name())).collect::<anyhow::Result<_>>()?;
        let bin = i64::try_from(origin.tier.bin().as_micros()).context("a bin longer than time")?;
        Ok(Self { schema: Arc::clone(&rollup.stored), columns, key: rollup.order.clone(), last_ts: at(LAST_TS)?, raw_ts: TS_AT, bin })
    }

    /// The same for those columns only that are wanted, and those that their sums need; all without a projection.
    pub(crate) fn narrowed(&self, projection: Option<&Vec<usize>>) -> anyhow::Result<Narrowed> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let weights = wanted.iter().filter_map(|at| self.columns.get(*at)?.weight);
        let needed: BTreeSet<usize> = wanted.iter().copied().chain(weights).chain(self.key.iter().copied()).chain([self.last_ts]).collect();
        let rollup_columns: Vec<usize> = needed.into_iter().collect();
        let of = |at: &usize| self.columns.get(*at).context("a column that the rollup has not");
        let made: Vec<&Made> = rollup_columns.iter().map(of).collect::<anyhow::Result<_>>()?;
        let raw: BTreeSet<usize> = made.iter().map(|made| made.raw).chain([self.raw_ts]).collect();
        let raw_columns: Vec<usize> = raw.into_iter().collect();
        let place = |columns: &[usize], at: usize| columns.binary_search(&at).ok().context("a column that was left out");
        let columns = made.into_iter().map(|made| {
            let weight = made.weight.map(|weight| place(&rollup_columns, weight)).transpose()?;
            Ok(Made { raw: place(&raw_columns, made.raw)?, weight, ..made.clone() })
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

    /// The columns of its rows.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What its rows are sorted by.
    pub(crate) fn key(&self) -> &[usize] {
        &self.key
    }

    /// Microseconds in a bin.
    pub(crate) fn bin(&self) -> i64 {
        self.bin
    }

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
    fn combined(&self, rows: RecordBatch) -> anyhow::Result<RecordBatch> {
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

/// Sorted partial rows in, one row a key and bin out.
#[derive(Debug)]
pub(crate) struct Combiner {
    binning: Arc<Binning>,
    /// The last row, which the next batch may go on with.
    held: Option<RecordBatch>,
}

impl Combiner {
    pub(crate) fn new(binning: Arc<Binning>) -> Self {
        Self { binning, held: None }
    }

    /// Takes rows that follow those before in the order of (server, labels…, ts), and gives those that are done.
    pub(crate) fn push(&mut self, rows: &RecordBatch) -> anyhow::Result<RecordBatch> {
        if rows.num_rows() == 0 {
            return Ok(rows.clone());
        }
        let rows = match self.held.take() {
            Some(held) => concat_batches(&self.binning.schema, [&held, rows])?,
            None => rows.clone(),
        };
        let rows = self.binning.combined(rows)?;
        let done = rows.num_rows() - 1;
        // A copy, since a slice would hold the whole batch.
        self.held = Some(arrow::compute::take_record_batch(&rows, &UInt32Array::from(vec![u32::try_from(done)?]))?);
        Ok(rows.slice(0, done))
    }

    /// The last row, if there was any.
    pub(crate) fn finish(&mut self) -> Option<RecordBatch> {
        self.held.take()
    }
}

/// Ranges of rows of one key, and when each row was.
struct Groups<'a> {
    ranges: Vec<Range<usize>>,
    moments: &'a TimestampMicrosecondArray,
}

impl<'a> Groups<'a> {
    fn of(keys: &[ArrayRef], moments: &'a TimestampMicrosecondArray) -> anyhow::Result<Self> {
        let ranges = if moments.is_empty() { Vec::new() } else { partition(keys)?.ranges() };
        Ok(Self { ranges, moments })
    }

    fn lengths(&self) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(self.ranges.iter().map(|range| whole(range.len()))))
    }

    fn counts(&self, values: &ArrayRef) -> ArrayRef {
        let count = |range: &Range<usize>| whole(range.len() - values.slice(range.start, range.len()).null_count());
        Arc::new(Int64Array::from_iter_values(self.ranges.iter().map(count)))
    }

    fn aggregated(&self, take: Take, values: &ArrayRef, r#type: &DataType) -> anyhow::Result<ArrayRef> {
        Ok(match (take, r#type) {
            (Take::Key, _) => self.chosen(values, |range| range.start)?,
            (Take::Last, _) => self.chosen(values, |range| self.latest(range))?,
            (Take::Sum, DataType::Int64) => self.folded::<Int64Type>(values, i64::wrapping_add),
            (Take::Sum, DataType::Float64) => self.folded::<Float64Type>(values, |a, b| a + b),
            (Take::Min, DataType::Int64) => self.folded::<Int64Type>(values, i64::min),
            (Take::Max, DataType::Int64) => self.folded::<Int64Type>(values, i64::max),
            (Take::Min, DataType::Float64) => self.folded::<Float64Type>(values, |a, b| if b.total_cmp(&a).is_lt() { b } else { a }),
            (Take::Max, DataType::Float64) => self.folded::<Float64Type>(values, |a, b| if b.total_cmp(&a).is_gt() { b } else { a }),
            (Take::Min, DataType::Timestamp(..)) => self.folded::<TimestampMicrosecondType>(values, i64::min),
            (Take::Max | Take::LastTs, DataType::Timestamp(..)) => self.folded::<TimestampMicrosecondType>(values, i64::max),
            (take, r#type) => anyhow::bail!("no way to make {take:?} of {type}"),
        })
    }

    fn chosen(&self, values: &ArrayRef, row: impl Fn(&Range<usize>) -> usize) -> anyhow::Result<ArrayRef> {
        let rows = self.ranges.iter().map(|range| u32::try_from(row(range))).collect::<Result<Vec<_>, _>>()?;
        Ok(take(values, &UInt32Array::from(rows), None)?)
    }

    /// The row of the latest moment; of several, the last.
    fn latest(&self, range: &Range<usize>) -> usize {
        range.clone().max_by_key(|row| self.moments.value(*row)).unwrap_or(range.start)
    }

    /// The values of each range that are not null, folded; null if all are.
    fn folded<T: ArrowPrimitiveType>(&self, values: &ArrayRef, fold: impl Fn(T::Native, T::Native) -> T::Native) -> ArrayRef {
        let values = values.as_primitive::<T>();
        let folded = self.ranges.iter().map(|range| known(values, range).map(|row| values.value(row)).reduce(&fold));
        Arc::new(PrimitiveArray::<T>::from_iter(folded).with_data_type(values.data_type().clone()))
    }

    fn means(&self, values: &ArrayRef, is_whole: bool) -> ArrayRef {
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

    fn weighted(&self, values: &ArrayRef, weights: &Int64Array, is_whole: bool) -> ArrayRef {
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
            // A mean of one part is that part, without the rounding of a multiplication and a division.
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

/// The rows of a range whose value is not null.
fn known<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, range: &Range<usize>) -> impl Iterator<Item = usize> {
    range.clone().filter(|row| values.is_valid(*row))
}

/// The mean to the nearest whole number.
fn divided(sum: i128, count: i128) -> Option<i64> {
    (count > 0).then(|| i64::try_from((2 * sum + count).div_euclid(2 * count)).unwrap_or(i64::MAX))
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a mean is a float")]
fn float(number: i128) -> f64 {
    number as f64
}
