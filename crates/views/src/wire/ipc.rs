//! One record batch as an Arrow IPC stream.
//!
//! # Promise
//! [`read`] takes bytes of any origin. It returns an error for everything that [`write()`] cannot have written, never panics, and takes no
//! more memory than a copy of the bytes.
//!
//! # How
//! Arrow's own readers trust the lengths they find: they allocate as much memory as a message claims for its body, and as much as a
//! compressed buffer claims to hold. So the stream is walked here. A message must lie within the bytes and must not be compressed. Its
//! buffers must lie in its body one after the other, so that no byte is read as two columns. Only the types of [`crate::data_type`] are
//! accepted. The lengths and contents of columns are left to Arrow, which checks them; a panic inside Arrow is caught and becomes an error.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::writer::StreamWriter;
use arrow_ipc::{Message, root_as_message};
use arrow_schema::{ArrowError, DataType, SchemaRef, TimeUnit};

/// The first word of each message.
const CONTINUATION: u32 = u32::MAX;
/// The most columns of one view: several times as many as the widest view has.
const MAX_COLUMNS: usize = 1_000;

/// Appends the rows as a stream: the schema, one record batch and the end mark.
pub(crate) fn write(out: &mut Vec<u8>, rows: &RecordBatch) -> Result<(), ArrowError> {
    let mut writer = StreamWriter::try_new(out, rows.schema_ref())?;
    writer.write(rows)?;
    writer.finish()
}

/// The record batch of a stream.
pub(crate) fn read(stream: &[u8]) -> Result<RecordBatch, ArrowError> {
    catch_unwind(AssertUnwindSafe(|| read_stream(stream))).unwrap_or_else(|_| Err(refused("Arrow cannot read it")))
}

fn read_stream(stream: &[u8]) -> Result<RecordBatch, ArrowError> {
    let mut rest = stream;
    let (first, body) = message(&mut rest)?.ok_or_else(|| refused("a stream without a schema"))?;
    if !body.is_empty() {
        return Err(refused("a schema with a body"));
    }
    let schema = schema(&first)?;
    let (second, body) = message(&mut rest)?.ok_or_else(|| refused("a stream without rows"))?;
    let rows = record_batch(&second, body, schema)?;
    match message(&mut rest)? {
        None if rest.is_empty() => Ok(rows),
        None => Err(refused("bytes after the end of the stream")),
        Some(_) => Err(refused("a stream with more than one record batch")),
    }
}

/// The next message and its body; `None` at the end mark.
fn message<'a>(rest: &mut &'a [u8]) -> Result<Option<(Message<'a>, &'a [u8])>, ArrowError> {
    if word(rest)? != CONTINUATION {
        return Err(refused("a message without its mark"));
    }
    let length = word(rest)?;
    if length == 0 {
        return Ok(None);
    }
    let message = root_as_message(cut(rest, i64::from(length))?).map_err(|error| refused(&format!("an unreadable message: {error}")))?;
    let body = cut(rest, message.bodyLength())?;
    Ok(Some((message, body)))
}

fn word(rest: &mut &[u8]) -> Result<u32, ArrowError> {
    let bytes = cut(rest, 4)?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// Takes the first `length` bytes off.
fn cut<'a>(rest: &mut &'a [u8], length: i64) -> Result<&'a [u8], ArrowError> {
    let (taken, left) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| refused(&format!("{length} bytes claimed, {} left", rest.len())))?;
    *rest = left;
    Ok(taken)
}

fn schema(message: &Message<'_>) -> Result<SchemaRef, ArrowError> {
    let encoded = message.header_as_schema().ok_or_else(|| refused("a stream that does not begin with a schema"))?;
    let columns = encoded.fields().map_or(0, |fields| fields.len());
    if columns > MAX_COLUMNS {
        return Err(refused(&format!("{columns} columns; the limit is {MAX_COLUMNS}")));
    }
    if encoded.fields().into_iter().flatten().any(|field| field.dictionary().is_some()) {
        return Err(refused("a column with a dictionary"));
    }
    let schema = fb_to_schema(encoded);
    match schema.fields().iter().find(|field| !is_accepted(field.data_type())) {
        None => Ok(Arc::new(schema)),
        Some(field) => Err(refused(&format!("column '{}' of type {}", field.name(), field.data_type()))),
    }
}

/// The types of [`crate::data_type`].
fn is_accepted(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean | DataType::Int64 | DataType::Float64 | DataType::Utf8 => true,
        DataType::Timestamp(TimeUnit::Microsecond, zone) => zone.as_deref() == Some("UTC"),
        _ => false,
    }
}

fn record_batch(message: &Message<'_>, body: &[u8], schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
    let batch = message.header_as_record_batch().ok_or_else(|| refused("a stream whose second message is not rows"))?;
    if batch.compression().is_some() {
        return Err(refused("compressed columns"));
    }
    let mut taken = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        let end = buffer.offset().checked_add(buffer.length()).filter(|_| buffer.offset() >= taken && buffer.length() >= 0);
        taken = end.ok_or_else(|| refused("buffers that overlap"))?;
    }
    if usize::try_from(taken).map_or(true, |taken| taken > body.len()) {
        return Err(refused("a buffer beyond its message"));
    }
    let nodes = batch.nodes().into_iter().flatten();
    if nodes.clone().any(|node| node.length() != batch.length() || !(0..=node.length()).contains(&node.null_count())) {
        return Err(refused("columns whose length differs from the number of rows"));
    }
    read_record_batch(&Buffer::from(body), batch, schema, &HashMap::new(), None, &message.version())
}

fn refused(problem: &str) -> ArrowError {
    ArrowError::IpcError(problem.to_owned())
}
