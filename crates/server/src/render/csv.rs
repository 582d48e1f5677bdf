//! CSV.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

/// Comma-separated values with a header line. Times are RFC 3339; nulls are empty.
pub(crate) fn csv(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut out = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut out);
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        // The writer takes the header from the first batch, so an empty result needs one.
        writer.write(&RecordBatch::new_empty(schema.clone()))?;
    }
    for batch in batches {
        writer.write(batch)?;
    }
    drop(writer);
    Ok(out)
}
