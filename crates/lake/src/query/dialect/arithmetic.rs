//! `+ - * / %` of numbers, with PostgreSQL's types and errors.
//!
//! Integers and floats that leave their range, and divisions by zero, are errors. `numeric` is exact up to 38 digits; a quotient has 18
//! digits after the point.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow::array::{Array as _, ArrayRef, ArrowPrimitiveType, Decimal128Array, PrimitiveArray};
use arrow::compute::kernels::numeric;
use arrow::compute::try_binary;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::error::Result;

use super::define::{Defined, Shown};
use super::kinds::{DIGITS, Family, Number, SCALE, invalid, refused, type_name};
use super::numerics::{in_range, product, ratio, rescaled};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
    /// `div()`: the whole part of the quotient.
    Whole,
}

use Operation::{Divide, Minus, Modulo, Plus, Times, Whole};

/// The operators.
pub(crate) fn operators() -> Vec<Defined> {
    vec![
        Defined::new("+", Shown::Infix, |types| result(Plus, types), |args, made| computed(Plus, args, made)),
        Defined::new("-", Shown::Infix, |types| result(Minus, types), |args, made| computed(Minus, args, made)),
        Defined::new("*", Shown::Infix, |types| result(Times, types), |args, made| computed(Times, args, made)),
        Defined::new("/", Shown::Infix, |types| result(Divide, types), |args, made| computed(Divide, args, made)),
        Defined::new("%", Shown::Infix, |types| result(Modulo, types), |args, made| computed(Modulo, args, made)),
        Defined::new("mod", Shown::Call, |types| result(Modulo, types), |args, made| computed(Modulo, args, made)),
        Defined::new("div", Shown::Call, |types| result(Whole, types), |args, made| computed(Whole, args, made)),
    ]
}

/// The type of a number as a numeric.
pub(crate) fn as_numeric(number: Number) -> Option<DataType> {
    Some(match number {
        Number::Integer(16) => DataType::Decimal128(5, 0),
        Number::Integer(32) => DataType::Decimal128(10, 0),
        Number::Integer(_) => DataType::Decimal128(20, 0),
        Number::Numeric(scale) => DataType::Decimal128(DIGITS, scale),
        Number::Real | Number::Double => return None,
    })
}

fn result(operation: Operation, types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    let [left, right] = types else { return Err(refused("an operator takes two numbers")) };
    let symbol = match operation {
        Plus => "+",
        Minus => "-",
        Times => "*",
        Divide => "/",
        Modulo => "%",
        Whole => "div",
    };
    let missing = || refused(format!("operator does not exist: {} {symbol} {}; cast one of them", type_name(left), type_name(right)));
    let number = |r#type: &DataType, other: &DataType| match (Family::of(r#type), Family::of(other)) {
        (Family::Number(number), _) | (Family::Null, Family::Number(number)) => Ok(number),
        (Family::Null, Family::Null) => Ok(Number::Integer(32)),
        _ => Err(missing()),
    };
    let (left, right) = (number(left, right)?, number(right, left)?);
    let common = match (left, right) {
        (Number::Integer(left), Number::Integer(right)) => match left.max(right) {
            16 => DataType::Int16,
            32 => DataType::Int32,
            _ => DataType::Int64,
        },
        (Number::Real, Number::Real) => DataType::Float32,
        (Number::Real | Number::Double, _) | (_, Number::Real | Number::Double) => DataType::Float64,
        (left, right) => {
            let sides: Vec<DataType> = [left, right].into_iter().filter_map(as_numeric).collect();
            let scales = [left, right].map(|side| if let Number::Numeric(scale) = side { scale } else { 0 });
            let longest = scales[0].max(scales[1]);
            let scale = match operation {
                Plus | Minus | Modulo => longest,
                Times => (scales[0].saturating_add(scales[1])).min(longest.max(SCALE)),
                Divide => longest.max(SCALE),
                Whole => 0,
            };
            return Ok((sides, DataType::Decimal128(DIGITS, scale)));
        }
    };
    if operation == Whole && matches!(common, DataType::Float32 | DataType::Float64) {
        return Err(refused("function div(double precision, double precision) does not exist; cast to numeric"));
    }
    Ok((vec![common.clone(), common.clone()], common))
}

fn computed(operation: Operation, args: &[ArrayRef], made: &DataType) -> Result<ArrayRef> {
    let [left, right] = args else { return Err(refused("an operator takes two numbers")) };
    match (left.data_type(), right.data_type()) {
        (DataType::Decimal128(_, left_scale), DataType::Decimal128(_, right_scale)) => {
            let scales = (*left_scale, *right_scale);
            numerics(operation, left.as_primitive(), right.as_primitive(), scales, made)
        }
        (DataType::Float64, _) => {
            floats::<Float64Type>(operation, left, right, f64::is_finite, |left, right| left % right, |right| right == 0.0)
        }
        (DataType::Float32, _) => {
            floats::<Float32Type>(operation, left, right, f32::is_finite, |left, right| left % right, |right| right == 0.0)
        }
        _ => {
            let computed = match operation {
                Plus => numeric::add(left, right),
                Minus => numeric::sub(left, right),
                Times => numeric::mul(left, right),
                Divide | Whole => numeric::div(left, right),
                Modulo => numeric::rem(left, right),
            };
            computed.map_err(|error| match error {
                ArrowError::DivideByZero => invalid("division by zero"),
                ArrowError::ArithmeticOverflow(_) => out_of_range(made),
                other => other.into(),
            })
        }
    }
}

/// The error of an integer that leaves its range.
pub(crate) fn out_of_range(r#type: &DataType) -> datafusion::error::DataFusionError {
    let remedy = if *r#type == DataType::Int64 { "numeric" } else { "bigint" };
    invalid(format!("{} out of range; cast to {remedy} for larger numbers", type_name(r#type)))
}

fn floats<T: ArrowPrimitiveType>(
    operation: Operation,
    left: &ArrayRef,
    right: &ArrayRef,
    is_finite: impl Fn(T::Native) -> bool,
    rest: impl Fn(T::Native, T::Native) -> T::Native,
    is_zero: impl Fn(T::Native) -> bool,
) -> Result<ArrayRef>
where
    T::Native: std::ops::Add<Output = T::Native>
        + std::ops::Sub<Output = T::Native>
        + std::ops::Mul<Output = T::Native>
        + std::ops::Div<Output = T::Native>,
{
    let (left, right): (&PrimitiveArray<T>, &PrimitiveArray<T>) = (left.as_primitive(), right.as_primitive());
    let made: PrimitiveArray<T> = try_binary(left, right, |left, right| {
        if matches!(operation, Divide | Modulo) && is_zero(right) {
            return Err(ArrowError::DivideByZero);
        }
        let made = match operation {
            Plus => left + right,
            Minus => left - right,
            Times => left * right,
            Divide | Whole => left / right,
            Modulo => rest(left, right),
        };
        if !is_finite(made) && is_finite(left) && is_finite(right) {
            return Err(ArrowError::ArithmeticOverflow(String::new()));
        }
        Ok(made)
    })
    .map_err(|error| match error {
        ArrowError::DivideByZero => invalid("division by zero"),
        ArrowError::ArithmeticOverflow(_) => invalid("value out of range: overflow"),
        other => other.into(),
    })?;
    Ok(Arc::new(made))
}

fn numerics(
    operation: Operation,
    left: &Decimal128Array,
    right: &Decimal128Array,
    (left_scale, right_scale): (i8, i8),
    made: &DataType,
) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = made else { return Err(refused("the result of numerics is a numeric")) };
    let scale = *scale;
    let one = |left: i128, right: i128| -> Result<i128> {
        let aligned =
            || Ok::<_, datafusion::error::DataFusionError>((rescaled(left, left_scale, scale)?, rescaled(right, right_scale, scale)?));
        Ok(match operation {
            Plus => {
                let (left, right) = aligned()?;
                in_range(left.checked_add(right))?
            }
            Minus => {
                let (left, right) = aligned()?;
                in_range(left.checked_sub(right))?
            }
            Times => product((left, left_scale), (right, right_scale), scale)?,
            Divide => ratio((left, left_scale), (right, right_scale), scale)?,
            Modulo => {
                let (left, right) = aligned()?;
                left.checked_rem(right).ok_or_else(|| invalid("division by zero"))?
            }
            Whole => {
                let common = left_scale.max(right_scale);
                let (left, right) = (rescaled(left, left_scale, common)?, rescaled(right, right_scale, common)?);
                left.checked_div(right).ok_or_else(|| invalid("division by zero"))?
            }
        })
    };
    let values: Decimal128Array = left
        .iter()
        .zip(right.iter())
        .map(|pair| match pair {
            (Some(left), Some(right)) => one(left, right).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<PrimitiveArray<Decimal128Type>>>()?;
    Ok(Arc::new(values.with_precision_and_scale(*precision, scale)?))
}
