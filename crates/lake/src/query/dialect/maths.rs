//! Mathematical functions whose results or errors differ from DataFusion's.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow::array::{Array as _, ArrayRef, Decimal128Array, Float64Array, Int32Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::arithmetic::as_numeric;
use super::define::{Defined, Shown};
use super::kinds::{DIGITS, Family, Number, invalid, refused, type_name};
use super::numerics::{in_range, ratio, rescaled};

/// The functions of DataFusion that [`Checked`] replaces: they give NaN or infinity where PostgreSQL gives an error.
pub(crate) const CHECKED: &[&str] =
    &["acos", "acosh", "asin", "atanh", "cosh", "exp", "ln", "log", "log10", "log2", "pow", "power", "sinh", "sqrt"];

/// The functions.
pub(crate) fn functions() -> Vec<Defined> {
    vec![
        Defined::new("round", Shown::Call, digits, |args, made| shortened(args, made, false)),
        Defined::new("trunc", Shown::Call, digits, |args, made| shortened(args, made, true)),
        Defined::new("ceil", Shown::Call, single, |args, made| {
            to_whole(&args[0], made, f64::ceil, |value, unit| -(-value).div_euclid(unit))
        }),
        Defined::new("floor", Shown::Call, single, |args, made| to_whole(&args[0], made, f64::floor, i128::div_euclid)),
        Defined::new("sign", Shown::Call, single, |args, made| {
            // Not `signum`, which is 1 for 0.
            let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
            let DataType::Decimal128(..) = args[0].data_type() else { return to_whole(&args[0], made, sign, |value, _| value) };
            let signs: Decimal128Array = args[0].as_primitive::<Decimal128Type>().iter().map(|value| value.map(i128::signum)).collect();
            Ok(Arc::new(signs.with_precision_and_scale(DIGITS, 0)?))
        }),
        Defined::new(
            "width_bucket",
            Shown::Call,
            |types| {
                let numbers = types.len() == 4 && types.iter().all(|of| matches!(Family::of(of), Family::Number(_) | Family::Null));
                let read = vec![DataType::Float64, DataType::Float64, DataType::Float64, DataType::Int64];
                if numbers { Ok((read, DataType::Int32)) } else { Err(refused("width_bucket takes a number, two bounds and a count")) }
            },
            |args, _| {
                let float = |at: usize| args[at].as_primitive::<Float64Type>();
                let counts = args[3].as_primitive::<Int64Type>();
                let values = (0..counts.len()).map(|row| {
                    if args.iter().any(|arg| arg.is_null(row)) {
                        Ok(None)
                    } else {
                        bucket(float(0).value(row), float(1).value(row), float(2).value(row), counts.value(row)).map(Some)
                    }
                });
                Ok(Arc::new(values.collect::<Result<Int32Array>>()?))
            },
        ),
    ]
}

fn bucket(value: f64, low: f64, high: f64, count: i64) -> Result<i32> {
    let limit = i32::MAX - 1;
    let count =
        i32::try_from(count).ok().filter(|count| (1..=limit).contains(count)).ok_or_else(|| invalid("count must be greater than zero"))?;
    if value.is_nan() || !low.is_finite() || !high.is_finite() {
        return Err(invalid("operand, lower bound, and upper bound must be finite numbers"));
    }
    if low == high {
        return Err(invalid("lower bound cannot equal upper bound"));
    }
    let (position, width) = if low < high { (value - low, high - low) } else { (low - value, low - high) };
    if position < 0.0 {
        return Ok(0);
    }
    if position >= width {
        return Ok(count + 1);
    }
    Ok((f64::from(count) * (position / width)).floor() as i32 + 1)
}

fn single(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    let [from] = types else { return Err(refused("this function takes one number")) };
    match Family::of(from) {
        Family::Number(Number::Numeric(scale)) => Ok((vec![DataType::Decimal128(DIGITS, scale)], DataType::Decimal128(DIGITS, 0))),
        Family::Number(_) | Family::Null => Ok((vec![DataType::Float64], DataType::Float64)),
        _ => Err(refused(format!("this function takes a number, not {}", type_name(from)))),
    }
}

fn to_whole(array: &ArrayRef, _: &DataType, float: impl Fn(f64) -> f64, numeric: impl Fn(i128, i128) -> i128) -> Result<ArrayRef> {
    if let DataType::Decimal128(_, scale) = array.data_type() {
        let unit = 10_i128.pow(u32::try_from(*scale).unwrap_or(0));
        let values: Decimal128Array =
            array.as_primitive::<Decimal128Type>().iter().map(|value| value.map(|value| numeric(value, unit))).collect();
        return Ok(Arc::new(values.with_precision_and_scale(DIGITS, 0)?));
    }
    Ok(Arc::new(array.as_primitive::<Float64Type>().iter().map(|value| value.map(&float)).collect::<Float64Array>()))
}

/// The types of `round` and `trunc`: with a number of digits, everything is a numeric.
fn digits(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    let from = types.first().ok_or_else(|| refused("round and trunc take a number"))?;
    let number = match Family::of(from) {
        Family::Number(number) => number,
        Family::Null => Number::Double,
        _ => return Err(refused(format!("round and trunc take a number, not {}", type_name(from)))),
    };
    match (types.len(), as_numeric(number)) {
        (1, Some(numeric @ DataType::Decimal128(_, scale))) if scale > 0 => Ok((vec![numeric], DataType::Decimal128(DIGITS, 0))),
        (1, _) => Ok((vec![DataType::Float64], DataType::Float64)),
        (2, Some(numeric @ DataType::Decimal128(_, scale))) => Ok((vec![numeric, DataType::Int64], DataType::Decimal128(DIGITS, scale))),
        (2, _) => Ok((vec![DataType::Float64, DataType::Int64], DataType::Float64)),
        _ => Err(refused("round and trunc take a number, and perhaps a number of digits")),
    }
}

fn shortened(args: &[ArrayRef], made: &DataType, cut: bool) -> Result<ArrayRef> {
    let places = args.get(1).map(|places| places.as_primitive::<Int64Type>());
    let DataType::Decimal128(_, scale) = args[0].data_type() else {
        let values = args[0].as_primitive::<Float64Type>().iter().enumerate().map(|(row, value)| {
            let Some(value) = value else { return Ok(None) };
            match places {
                None => Ok(Some(if cut { value.trunc() } else { value.round_ties_even() })),
                Some(places) if places.is_null(row) => Ok(None),
                Some(places) => near(value, places.value(row), cut).map(Some),
            }
        });
        return Ok(Arc::new(values.collect::<Result<Float64Array>>()?));
    };
    let scale = *scale;
    let DataType::Decimal128(_, shown) = made else { return Err(refused("a numeric rounds to a numeric")) };
    let values: PrimitiveArray<Decimal128Type> = args[0]
        .as_primitive::<Decimal128Type>()
        .iter()
        .enumerate()
        .map(|(row, value)| {
            let digits = match places {
                Some(places) if places.is_null(row) => return Ok(None),
                Some(places) => places.value(row),
                None => 0,
            };
            value.map(|value| rescaled(shorten(value, scale, digits, cut)?, scale, *shown)).transpose()
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(values.with_precision_and_scale(DIGITS, *shown)?))
}

/// Rounds or cuts to so many digits after the point; negative digits count before the point.
fn shorten(value: i128, scale: i8, digits: i64, cut: bool) -> Result<i128> {
    let surplus = i64::from(scale).saturating_sub(digits);
    if surplus <= 0 {
        return Ok(value);
    }
    let Some(unit) = u32::try_from(surplus).ok().filter(|surplus| *surplus <= 38).map(|surplus| 10_i128.pow(surplus)) else { return Ok(0) };
    let steps = if cut { value / unit } else { ratio((value, 0), (unit, 0), 0)? };
    in_range(steps.checked_mul(unit))
}

/// Rounds a float by its shortest text, as a cast to numeric would.
fn near(value: f64, digits: i64, cut: bool) -> Result<f64> {
    if !value.is_finite() || value.abs() >= 1e15 {
        return Ok(value);
    }
    let scale = 18;
    let numeric = super::numerics::parsed(&format!("{value:.14e}"), scale).unwrap_or(Ok(0))?;
    let text = super::numerics::written(shorten(numeric, scale, digits, cut)?, scale);
    text.parse().map_err(|_| invalid("value out of range"))
}

/// A function of floats that gives an error instead of NaN or infinity.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Checked {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl Checked {
    pub(crate) fn new(inner: Arc<ScalarUDF>) -> Self {
        Self { inner, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types.iter().find(|of| !matches!(Family::of(of), Family::Number(_) | Family::Null)) {
            Some(other) => Err(refused(format!("function {}({}) does not exist; cast to a number", self.name(), type_name(other)))),
            None => Ok(vec![DataType::Float64; types.len()]),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let inputs = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let made = self.inner.invoke_with_args(args)?;
        let computed = cast(&made.to_array(rows)?, &DataType::Float64)?;
        let computed = computed.as_primitive::<Float64Type>();
        let finite = |row: usize| inputs.iter().all(|input| input.as_primitive::<Float64Type>().value(row).is_finite());
        if (0..rows).any(|row| computed.is_valid(row) && !computed.value(row).is_finite() && finite(row)) {
            return Err(invalid(format!("{}: the argument is out of range", self.name())));
        }
        Ok(made)
    }
}
