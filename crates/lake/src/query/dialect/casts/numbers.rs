//! Casts to numbers and booleans.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use arrow::array::{Array as _, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, PrimitiveArray, StringArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::DataType;
use datafusion::error::Result;

use super::common::{argument, bad_text, cannot, texts};
use crate::query::dialect::arithmetic::{as_numeric, out_of_range};
use crate::query::dialect::define::{Defined, Shown};
use crate::query::dialect::kinds::{DIGITS, Family, Number, SCALE, invalid, type_name};
use crate::query::dialect::numerics::{parsed, rescaled, written};

/// How a cast fails: with an error, never with null.
const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

pub(super) fn casts() -> Vec<Defined> {
    let argument_shown = Shown::Argument;
    vec![
        Defined::new("int2", argument_shown, |types| to_integer(types, DataType::Int16), |args, _| integers::<Int16Type>(&args[0])),
        Defined::new("int4", argument_shown, |types| to_integer(types, DataType::Int32), |args, _| integers::<Int32Type>(&args[0])),
        Defined::new("int8", argument_shown, |types| to_integer(types, DataType::Int64), |args, _| integers::<Int64Type>(&args[0])),
        Defined::new(
            "float4",
            argument_shown,
            |types| to_float(types, DataType::Float32),
            |args, _| {
                let made = floats(&args[0])?;
                let narrowed = cast(&(Arc::new(made.clone()) as ArrayRef), &DataType::Float32)?;
                let overflows = made
                    .iter()
                    .flatten()
                    .zip(narrowed.as_primitive::<Float32Type>().iter().flatten())
                    .any(|(wide, narrow)| wide.is_finite() && !narrow.is_finite());
                if overflows { Err(invalid("value out of range for type real")) } else { Ok(narrowed) }
            },
        ),
        Defined::new("float8", argument_shown, |types| to_float(types, DataType::Float64), |args, _| Ok(Arc::new(floats(&args[0])?))),
        Defined::new("numeric", argument_shown, to_numeric, |args, made| numerics(&args[0], made)),
        Defined::new("bool", argument_shown, to_bool, |args, _| booleans(&args[0])),
    ]
}

/// Checks the text of a literal that stands where a number is needed.
pub(crate) fn literal_number(text: &str, number: Number) -> Result<()> {
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    match number {
        Number::Integer(16) => integers::<Int16Type>(&array).map(drop),
        Number::Integer(32) => integers::<Int32Type>(&array).map(drop),
        Number::Integer(_) => integers::<Int64Type>(&array).map(drop),
        Number::Numeric(_) => numerics(&array, &DataType::Decimal128(DIGITS, SCALE)).map(drop),
        Number::Real | Number::Double => floats(&array).map(drop),
    }
}

fn to_integer(types: &[DataType], target: DataType) -> Result<(Vec<DataType>, DataType)> {
    let from = argument(types)?;
    match Family::of(from) {
        Family::Null => Ok((vec![target.clone()], target)),
        Family::Number(Number::Numeric(scale)) => Ok((vec![DataType::Decimal128(DIGITS, scale)], target)),
        Family::Number(_) | Family::Text => Ok((vec![from.clone()], target)),
        Family::Bool if target == DataType::Int32 => Ok((vec![from.clone()], target)),
        _ => Err(cannot(from, type_name(&target))),
    }
}

fn integers<T: arrow::array::ArrowPrimitiveType>(array: &ArrayRef) -> Result<ArrayRef> {
    let overflow = || out_of_range(&T::DATA_TYPE);
    let whole: Int64Array = match array.data_type() {
        DataType::Boolean => return Ok(cast(array, &T::DATA_TYPE)?),
        DataType::Float32 | DataType::Float64 => {
            let floats = cast(array, &DataType::Float64)?;
            // 2^63, which a float holds exactly.
            let limit = 9_223_372_036_854_775_808.0;
            let rounded = |value: f64| {
                let value = value.round_ties_even();
                let whole = value as i64;
                if value >= -limit && value < limit { Ok(whole) } else { Err(overflow()) }
            };
            floats.as_primitive::<Float64Type>().iter().map(|value| value.map(rounded).transpose()).collect::<Result<_>>()?
        }
        DataType::Decimal128(_, scale) => {
            let rounded = |value: i128| i64::try_from(rescaled(value, *scale, 0)?).map_err(|_| overflow());
            array.as_primitive::<Decimal128Type>().iter().map(|value| value.map(rounded).transpose()).collect::<Result<_>>()?
        }
        r#type if Family::of(r#type) == Family::Text => {
            let parse = |text: &str| match text.trim().parse::<i64>() {
                Ok(value) => Ok(value),
                Err(error) if matches!(error.kind(), std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow) => {
                    Err(overflow())
                }
                Err(_) => Err(bad_text(type_name(&T::DATA_TYPE), text)),
            };
            texts(array)?.iter().map(|text| text.map(parse).transpose()).collect::<Result<_>>()?
        }
        _ => return cast_with_options(array, &T::DATA_TYPE, &STRICT).map_err(|_| overflow()),
    };
    cast_with_options(&whole, &T::DATA_TYPE, &STRICT).map_err(|_| overflow())
}

fn to_float(types: &[DataType], target: DataType) -> Result<(Vec<DataType>, DataType)> {
    let from = argument(types)?;
    match Family::of(from) {
        Family::Null => Ok((vec![target.clone()], target)),
        Family::Number(Number::Numeric(scale)) => Ok((vec![DataType::Decimal128(DIGITS, scale)], target)),
        Family::Number(_) | Family::Text => Ok((vec![from.clone()], target)),
        _ => Err(cannot(from, type_name(&target))),
    }
}

fn floats(array: &ArrayRef) -> Result<Float64Array> {
    if Family::of(array.data_type()) == Family::Text {
        let parse = |text: &str| {
            let number = text.trim();
            // Rust reads more names of infinity and NaN than PostgreSQL, and PostgreSQL reads no other words.
            let value: f64 = number.parse().map_err(|_| bad_text("double precision", text))?;
            let is_word = number.contains(|c: char| c.is_ascii_alphabetic() && !c.eq_ignore_ascii_case(&'e'));
            if value.is_infinite() && !is_word {
                return Err(invalid(format!("\"{text}\" is out of range for type double precision")));
            }
            Ok(value)
        };
        return texts(array)?.iter().map(|text| text.map(parse).transpose()).collect();
    }
    if let DataType::Decimal128(_, scale) = array.data_type() {
        // Through its text, so that 0.1 becomes the float that is written 0.1.
        let near = |value: i128| written(value, *scale).parse::<f64>().map_err(|_| invalid("value out of range"));
        return array.as_primitive::<Decimal128Type>().iter().map(|value| value.map(near).transpose()).collect();
    }
    Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

fn to_numeric(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    let from = argument(types)?;
    let unconstrained = DataType::Decimal128(DIGITS, SCALE);
    match Family::of(from) {
        Family::Null => Ok((vec![unconstrained.clone()], unconstrained)),
        Family::Number(number) => Ok(match as_numeric(number) {
            Some(numeric) => (vec![numeric.clone()], numeric),
            None => (vec![from.clone()], unconstrained),
        }),
        Family::Text => Ok((vec![from.clone()], unconstrained)),
        _ => Err(cannot(from, "numeric")),
    }
}

fn numerics(array: &ArrayRef, made: &DataType) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = made else { return Ok(Arc::clone(array)) };
    let parse = |text: &str| parsed(text, *scale).unwrap_or_else(|| Err(bad_text("numeric", text)));
    let values: PrimitiveArray<Decimal128Type> = match array.data_type() {
        r#type if r#type == made => return Ok(Arc::clone(array)),
        DataType::Float32 | DataType::Float64 => {
            let is_real = *array.data_type() == DataType::Float32;
            let floats = cast(array, &DataType::Float64)?;
            let near = |value: f64| {
                if !value.is_finite() {
                    return Err(invalid("cannot cast NaN or infinity to numeric"));
                }
                // PostgreSQL keeps 15 digits of a float8, and 6 of a float4.
                parse(&if is_real { format!("{value:.5e}") } else { format!("{value:.14e}") })
            };
            floats.as_primitive::<Float64Type>().iter().map(|value| value.map(near).transpose()).collect::<Result<_>>()?
        }
        r#type if Family::of(r#type) == Family::Text => {
            texts(array)?.iter().map(|text| text.map(parse).transpose()).collect::<Result<_>>()?
        }
        _ => return Ok(cast_with_options(array, made, &STRICT)?),
    };
    Ok(Arc::new(Decimal128Array::with_precision_and_scale(values, *precision, *scale)?))
}

fn to_bool(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    let from = argument(types)?;
    match Family::of(from) {
        Family::Null | Family::Bool => Ok((vec![DataType::Boolean], DataType::Boolean)),
        Family::Number(Number::Integer(_)) | Family::Text => Ok((vec![from.clone()], DataType::Boolean)),
        _ => Err(cannot(from, "boolean")),
    }
}

fn booleans(array: &ArrayRef) -> Result<ArrayRef> {
    if Family::of(array.data_type()) != Family::Text {
        return Ok(cast(array, &DataType::Boolean)?);
    }
    let parse = |text: &str| {
        let word = text.trim().to_ascii_lowercase();
        let is = |long: &str, shortest: usize| word.len() >= shortest && long.starts_with(&word);
        match () {
            () if is("true", 1) || is("yes", 1) || word == "on" || word == "1" => Ok(true),
            () if is("false", 1) || is("no", 1) || is("off", 2) || word == "0" => Ok(false),
            () => Err(bad_text("boolean", text)),
        }
    };
    let values: BooleanArray = texts(array)?.iter().map(|text| text.map(parse).transpose()).collect::<Result<_>>()?;
    Ok(Arc::new(values))
}
