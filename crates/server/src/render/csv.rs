//! CSV.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, IntervalMonthDayNanoType, IntervalUnit, Schema, SchemaRef};
use arrow::error::ArrowError;
use pganalytics_lake::interval_text;

use super::values::numeric_text;

/// Comma-separated values with a header line. Times are RFC 3339; nulls are empty.
pub(crate) fn csv(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut out = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut out);
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        // The writer takes the header from the first batch, so an empty result needs one.
        writer.write(&RecordBatch::new_empty(schema.clone()))?;
    }
    for batch in batches {
        writer.write(&shown(batch)?)?;
    }
    drop(writer);
    Ok(out)
}

/// The batch with numerics and intervals as their texts in PostgreSQL, which Arrow writes otherwise.
fn shown(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|column| -> ArrayRef {
        match column.data_type() {
            DataType::Decimal128(_, scale) => {
                let values = column.as_primitive::<Decimal128Type>().iter();
                Arc::new(values.map(|value| value.map(|value| numeric_text(value, *scale))).collect::<StringArray>())
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let values = column.as_primitive::<IntervalMonthDayNanoType>().iter();
                Arc::new(values.map(|value| value.map(interval_text)).collect::<StringArray>())
            }
            _ => Arc::clone(column),
        }
    });
    let columns: Vec<ArrayRef> = columns.collect();
    if columns.is_empty() {
        return Ok(batch.clone());
    }
    let fields =
        batch.schema_ref().fields().iter().zip(&columns).map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)
}
