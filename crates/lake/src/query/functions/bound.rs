//! Bounds the text that a function call can make, before the call.

use std::sync::Arc;

use arrow::array::Array as _;
use arrow::array::cast::AsArray as _;
use arrow::array::types::Int64Type;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::query::budget::Budget;

/// The most bytes of a constant text that a function makes. DataFusion copies constants into column names many times.
const MAX_CONSTANT: usize = 8 << 10;
/// The bytes of the longest UTF-8 character.
const CHARACTER: usize = 4;
/// The most bytes that one character of a `to_char` format can become; `%c` is a whole date.
const FORMATTED: usize = 32;

/// Functions whose result may be longer than their arguments.
const GROWING: &[&str] =
    &["||", "concat", "concat_ws", "encode", "lpad", "overlay", "regexp_match", "regexp_replace", "repeat", "replace", "rpad", "to_char"];

/// Rejects a call that could make too much text.
pub(crate) fn within(function: &str, args: &ScalarFunctionArgs) -> Result<()> {
    if !GROWING.contains(&function) {
        return Ok(());
    }
    let bytes = most(function, args)?;
    let (what, limit) = match is_constant(args) {
        true => ("a constant", MAX_CONSTANT),
        false => ("one batch of rows", Budget::within(&args.config_options).text),
    };
    if bytes <= limit {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted(format!(
        "{function} could return {bytes} bytes of text for {what}; the maximum is {limit}; use shorter texts"
    )))
}

/// Whether all arguments are constants, so that one call serves all rows.
pub(crate) fn is_constant(args: &ScalarFunctionArgs) -> bool {
    args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
}

/// The most bytes of text that a call can make.
fn most(function: &str, args: &ScalarFunctionArgs) -> Result<usize> {
    let rows = if is_constant(args) { 1 } else { args.number_rows };
    let texts = args.args.iter().map(|arg| Text::of(arg, rows)).collect::<Result<Vec<_>>>()?;
    let text = |at: usize| texts.get(at).copied().unwrap_or_default();
    let all = || texts.iter().fold(0usize, |sum, text| sum.saturating_add(text.total));
    let number = |at: usize| args.args.get(at).map_or(Ok(0), largest);
    Ok(match function {
        "repeat" => text(0).total.saturating_mul(number(1)?),
        "lpad" | "rpad" => rows.saturating_mul(number(1)?).saturating_mul(CHARACTER).saturating_add(text(0).total),
        "replace" => (text(0).total / text(1).shortest.max(1))
            .saturating_add(rows)
            .saturating_mul(text(2).longest.max(1))
            .saturating_add(text(0).total),
        // A match is a copy, and so is each group in parentheses.
        "regexp_match" => text(0).total.saturating_mul(text(1).longest.saturating_add(1)),
        "regexp_replace" => text(0).total.saturating_add(rows).saturating_mul(text(2).longest.max(1)).saturating_add(text(0).total),
        "to_char" => text(1).total.saturating_mul(FORMATTED),
        "encode" => text(0).total.saturating_mul(2),
        "concat_ws" => text(0).total.saturating_mul(texts.len()).saturating_add(all()),
        _ => all(),
    })
}

/// The bytes of all texts in the arguments of a call.
pub(crate) fn bytes(args: &ScalarFunctionArgs) -> Result<usize> {
    let rows = if is_constant(args) { 1 } else { args.number_rows };
    args.args.iter().try_fold(0usize, |sum, arg| Ok(sum.saturating_add(Text::of(arg, rows)?.total)))
}

/// The byte lengths of one argument's texts. All are zero if the argument is of another type.
#[derive(Debug, Clone, Copy, Default)]
struct Text {
    total: usize,
    shortest: usize,
    longest: usize,
}

impl Text {
    fn of(arg: &ColumnarValue, rows: usize) -> Result<Self> {
        Ok(match arg {
            ColumnarValue::Scalar(value) => {
                let size = match value {
                    ScalarValue::Binary(Some(bytes)) | ScalarValue::BinaryView(Some(bytes)) | ScalarValue::LargeBinary(Some(bytes)) => {
                        bytes.len()
                    }
                    _ => value.try_as_str().flatten().map_or(0, str::len),
                };
                Self { total: size.saturating_mul(rows.max(1)), shortest: size, longest: size }
            }
            ColumnarValue::Array(array) => {
                let sizes: Vec<usize> = match array.data_type() {
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                        let Ok(texts) = cast(array, &DataType::Utf8View) else { return Ok(Self::default()) };
                        texts.as_string_view().iter().flatten().map(str::len).collect()
                    }
                    DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                        cast(array, &DataType::BinaryView)?.as_binary_view().iter().flatten().map(<[u8]>::len).collect()
                    }
                    _ => return Ok(Self::default()),
                };
                Self {
                    total: sizes.iter().sum(),
                    shortest: sizes.iter().copied().min().unwrap_or(0),
                    longest: sizes.iter().copied().max().unwrap_or(0),
                }
            }
        })
    }
}

/// The largest number in an argument.
fn largest(arg: &ColumnarValue) -> Result<usize> {
    let array = match arg {
        ColumnarValue::Scalar(value) => value.to_array()?,
        ColumnarValue::Array(array) => Arc::clone(array),
    };
    let numbers = cast(&array, &DataType::Int64)?;
    let largest = numbers.as_primitive::<Int64Type>().iter().flatten().max().unwrap_or(0);
    Ok(usize::try_from(largest).unwrap_or(0))
}
