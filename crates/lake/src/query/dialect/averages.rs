//! `avg()`, as a sum divided by a count: PostgreSQL's average of integers is a numeric.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow::array::{Array as _, ArrayRef, Decimal128Array, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::Result;

use super::arithmetic::as_numeric;
use super::define::{Defined, Shown};
use super::kinds::{DIGITS, Family, SCALE, refused, type_name};
use super::numerics::ratio;

/// `averaged(x)` is what `avg(x)` sums, and `average(sum, count)` divides.
pub(crate) fn functions() -> Vec<Defined> {
    vec![
        Defined::new("averaged", Shown::Argument, summed, |args, made| Ok(cast(&args[0], made)?)),
        Defined::new("average", Shown::Call, divided, averages),
    ]
}

fn summed(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    let [from] = types else { return Err(refused("avg takes one value")) };
    match Family::of(from) {
        Family::Number(number) => {
            let read = as_numeric(number).unwrap_or(DataType::Float64);
            Ok((vec![read.clone()], read))
        }
        Family::Null => Ok((vec![DataType::Float64], DataType::Float64)),
        Family::Interval => Err(refused("avg(interval) is not supported; use avg(extract(epoch from x)) * interval '1 second'")),
        _ => Err(refused(format!("function avg({}) does not exist; cast to a number", type_name(from)))),
    }
}

fn divided(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    match types {
        [DataType::Decimal128(precision, scale), _] => {
            Ok((vec![DataType::Decimal128(*precision, *scale), DataType::Int64], DataType::Decimal128(DIGITS, (*scale).max(SCALE))))
        }
        [_, _] => Ok((vec![DataType::Float64, DataType::Int64], DataType::Float64)),
        _ => Err(refused("avg takes one value")),
    }
}

fn averages(args: &[ArrayRef], made: &DataType) -> Result<ArrayRef> {
    let counts = args[1].as_primitive::<Int64Type>();
    let pair = |row: usize| (args[0].is_valid(row) && counts.is_valid(row)).then(|| counts.value(row)).filter(|count| *count > 0);
    let rows = 0..args[0].len();
    if let (DataType::Decimal128(precision, scale), DataType::Decimal128(_, from)) = (made, args[0].data_type()) {
        let sums = args[0].as_primitive::<Decimal128Type>();
        let values = rows.map(|row| pair(row).map(|count| ratio((sums.value(row), *from), (count.into(), 0), *scale)).transpose());
        let values = values.collect::<Result<Decimal128Array>>()?;
        return Ok(Arc::new(values.with_precision_and_scale(*precision, *scale)?));
    }
    let sums = args[0].as_primitive::<Float64Type>();
    let values = rows.map(|row| pair(row).map(|count| sums.value(row) / count as f64));
    Ok(Arc::new(values.collect::<Float64Array>()))
}
