//! An answer as bytes: JSON, CSV, or an Arrow IPC stream.
//!
//! Work that grows with the rows; call it on a blocking thread. The result comes in pieces of [`PIECE`] bytes, so that
//! compressing a large answer does not hold a runtime thread for long.

mod json;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use bytes::Bytes;

pub(crate) use json::json;

/// Bytes handed on at once: what gzip compresses in about a millisecond.
const PIECE: usize = 64 * 1024;

/// Comma-separated values with a header line; times as RFC 3339, nulls as nothing.
pub(crate) fn csv(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut out = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut out);
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        // The writer takes the header from the first batch.
        writer.write(&RecordBatch::new_empty(schema.clone()))?;
    }
    for batch in batches {
        writer.write(batch)?;
    }
    drop(writer);
    Ok(out)
}

/// One Arrow IPC stream.
pub(crate) fn arrow_stream(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut out = Vec::new();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut out, schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(out)
}

/// The bytes in pieces, without copying them.
pub(crate) fn pieces(bytes: Vec<u8>) -> impl Iterator<Item = Bytes> {
    let mut rest = Bytes::from(bytes);
    std::iter::from_fn(move || (!rest.is_empty()).then(|| rest.split_to(PIECE.min(rest.len()))))
}

/// The type's name in PostgreSQL, or Arrow's own where there is none.
pub(crate) fn type_name(r#type: &DataType) -> String {
    let name = match r#type {
        DataType::Null => "unknown",
        DataType::Boolean => "bool",
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "int2",
        DataType::Int32 | DataType::UInt16 => "int4",
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "int8",
        DataType::Float16 | DataType::Float32 => "float4",
        DataType::Float64 => "float8",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, zone) => {
            if zone.is_some() { "timestamptz" } else { "timestamp" }
        }
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Duration(_) | DataType::Interval(_) => "interval",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "bytea",
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => "numeric",
        DataType::Struct(_) | DataType::Map(..) => "json",
        DataType::Dictionary(_, values) => return type_name(values),
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            return format!("{}[]", type_name(field.data_type()));
        }
        other => return other.to_string(),
    };
    name.to_owned()
}
