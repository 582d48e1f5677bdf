//! What the casts share.

use arrow::array::cast::AsArray as _;
use arrow::array::{ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};

use crate::query::dialect::kinds::{invalid, refused, type_name};

/// The single argument of a cast.
pub(super) fn argument(types: &[DataType]) -> Result<&DataType> {
    match types {
        [r#type] => Ok(r#type),
        _ => Err(refused("a cast takes one value")),
    }
}

pub(super) fn cannot(from: &DataType, to: &str) -> DataFusionError {
    refused(format!("cannot cast type {} to {to}", type_name(from)))
}

pub(super) fn bad_text(to: &str, text: &str) -> DataFusionError {
    invalid(format!("invalid input syntax for type {to}: \"{text}\""))
}

/// An array of texts in one form.
pub(super) fn texts(array: &ArrayRef) -> Result<StringArray> {
    Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
}
