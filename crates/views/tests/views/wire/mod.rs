//! A batch is decoded as it was encoded; any other bytes are an error within the limits, never a panic.

mod header;
mod ipc;
mod layout;
mod properties;

use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, DataType, Field};
use pganalytics_views::wire::{Batch, Frame, Header, Limits, Status, WireError, decode};
use pganalytics_views::{ViewSet, schema};
use uuid::Uuid;

const TS: i64 = 1_767_225_600_000_000;
const PREFIX: usize = 16;

fn header() -> Header {
    Header {
        collector: Uuid::from_u128(7),
        collector_name: "höst 🐘".into(),
        sequence: 42,
        created_us: TS,
        version: "0.1.0".into(),
        dropped_rows: 3,
        status: Some(Status { spool_batches: 2, oldest_ms: Some(7), last_error: Some("503: busy".into()), ..Status::default() }),
        frames: Vec::new(),
    }
}

/// Random values of a cell, converted to the type of its column.
type Cell = (Option<i64>, String);

static VIEWS: LazyLock<ViewSet> = LazyLock::new(|| ViewSet::builtin().expect("valid built-in views"));

fn rows(view: &str, cells: &[Vec<Cell>]) -> RecordBatch {
    let schema = schema(VIEWS.get(view).expect("a built-in view"));
    let columns = schema.fields().iter().enumerate().map(|(i, field)| column(field, cells, i)).collect();
    RecordBatch::try_new(Arc::clone(&schema), columns).expect("columns fit the schema")
}

fn column(field: &Field, cells: &[Vec<Cell>], i: usize) -> ArrayRef {
    let cells = cells.iter().map(|row| &row[i % row.len()]);
    let numbers = cells.clone().map(|(number, _)| if field.is_nullable() { *number } else { Some(number.unwrap_or(TS)) });
    match field.data_type() {
        DataType::Boolean => Arc::new(numbers.map(|n| n.map(|n| n % 2 == 0)).collect::<BooleanArray>()),
        DataType::Int64 => Arc::new(numbers.collect::<Int64Array>()),
        DataType::Float64 => Arc::new(numbers.map(|n| n.map(|n| n as f64 / 3.0)).collect::<Float64Array>()),
        DataType::Timestamp(..) => Arc::new(numbers.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        DataType::Utf8 if field.is_nullable() => {
            Arc::new(cells.map(|(number, text)| number.map(|_| text.as_str())).collect::<StringArray>())
        }
        DataType::Utf8 => Arc::new(cells.map(|(_, text)| Some(text.as_str())).collect::<StringArray>()),
        other => panic!("no view has a column of type {other}"),
    }
}

fn sample() -> RecordBatch {
    static SAMPLE: LazyLock<RecordBatch> = LazyLock::new(|| {
        let row = |n: i64| vec![(Some(n), format!("text {n}")), (None, String::new()), (Some(-n), "🐘".into())];
        rows("pg_stat_database", &(1..=5).map(row).collect::<Vec<_>>())
    });
    SAMPLE.clone()
}

/// The bytes of a stream with these options, without `encode`.
fn stream(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = StreamWriter::try_new_with_options(&mut out, batches[0].schema_ref(), options).expect("a writer");
    for batch in batches {
        writer.write(batch).expect("the batch is written");
    }
    writer.finish().expect("the stream ends");
    drop(writer);
    out
}

/// A batch with a valid checksum and a matching header, around any bytes as its one frame.
fn assemble(stream: &[u8]) -> Vec<u8> {
    let compressed = zstd::bulk::compress(stream, 1).expect("zstd");
    assemble_compressed(&compressed, &[stream.len() as u64])
}

fn assemble_compressed(compressed: &[u8], sizes: &[u64]) -> Vec<u8> {
    let sample = sample();
    let ts = sample.column(0).as_any().downcast_ref::<TimestampMicrosecondArray>().expect("ts").values().clone();
    let (min, max) = (ts.iter().min().expect("rows"), ts.iter().max().expect("rows"));
    let mut header = header();
    header.frames = sizes
        .iter()
        .map(|bytes| Frame { view: "pg_stat_database".into(), rows: 5, bytes: *bytes, min_ts_us: *min, max_ts_us: *max })
        .collect();
    seal(&serde_json::to_vec(&header).expect("JSON"), compressed)
}

fn seal(head: &[u8], compressed: &[u8]) -> Vec<u8> {
    let mut out = b"PGAB\x01\0\0\0".to_vec();
    out.extend((head.len() as u32).to_le_bytes());
    out.extend([0; 4]);
    out.extend(head);
    out.extend(compressed);
    let sum = crc32fast::hash(&out[PREFIX..]);
    out[12..PREFIX].copy_from_slice(&sum.to_le_bytes());
    out
}

fn read(bytes: &[u8]) -> Result<Batch, WireError> {
    decode(bytes, &Limits::default())
}

/// The reason for which a stream is refused.
#[track_caller]
fn refusal(stream: &[u8]) -> String {
    match read(&assemble(stream)) {
        Err(WireError::Rows { error: ArrowError::IpcError(problem), .. }) => problem,
        other => panic!("not refused as rows: {other:?}"),
    }
}
