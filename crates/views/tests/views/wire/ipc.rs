//! Arrow IPC streams that are damaged or malicious.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_ipc::writer::IpcWriteOptions;
use arrow_schema::{DataType, Field, Schema};

use super::{assemble, read, refusal, sample, stream};

#[test]
fn a_stream_is_one_schema_and_one_record_batch() {
    let plain = IpcWriteOptions::default;
    let one = stream(&[sample()], plain());
    assert_eq!(refusal(&stream(&[sample(), sample()], plain())), "a stream with more than one record batch");
    assert_eq!(refusal(&[one.as_slice(), &[0]].concat()), "bytes after the end of the stream");
    assert_eq!(refusal(&one[..one.len() - 8]), "4 bytes claimed, 0 left");
    assert_eq!(refusal(&one[8..]), "a message without its mark");
    assert_eq!(refusal(&[]), "4 bytes claimed, 0 left");
    assert_eq!(refusal(&[255, 255, 255, 255, 0, 0, 0, 0]), "a stream without a schema");
    assert_eq!(refusal(&[255, 255, 255, 255, 255, 255, 255, 127]), "2147483647 bytes claimed, 0 left");
}

#[test]
fn compressed_columns_are_refused() {
    let options = IpcWriteOptions::default().try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME)).expect("lz4 is built in");
    assert_eq!(refusal(&stream(&[sample()], options)), "compressed columns");
}

#[test]
fn columns_of_unknown_types_are_refused() {
    let dictionary: arrow_array::DictionaryArray<arrow_array::types::Int32Type> = vec!["a", "b"].into_iter().collect();
    let columns: [(ArrayRef, &str); 3] = [
        (Arc::new(Int32Array::from(vec![1])), "column 'x' of type Int32"),
        (Arc::new(TimestampMicrosecondArray::from(vec![1])), "column 'x' of type Timestamp(µs)"),
        (Arc::new(dictionary), "a column with a dictionary"),
    ];
    for (column, said) in columns {
        let batch = RecordBatch::try_from_iter([("x", column)]).expect("a batch");
        assert_eq!(refusal(&stream(&[batch], IpcWriteOptions::default())), said);
    }
    let fields: Vec<_> = (0..1_001).map(|i| Field::new(format!("c{i}"), DataType::Int64, true)).collect();
    let wide = RecordBatch::new_empty(Arc::new(Schema::new(fields)));
    assert_eq!(refusal(&stream(&[wide], IpcWriteOptions::default())), "1001 columns; the limit is 1000");
}

/// The first position, at or after `from`, of a little-endian integer.
fn find(bytes: &[u8], from: usize, value: i64) -> usize {
    let needle = value.to_le_bytes();
    from + bytes[from..].windows(8).position(|window| window == needle).expect("the value is in the message")
}

#[test]
fn false_lengths_allocate_no_memory() {
    let good = stream(&[sample()], IpcWriteOptions::default());
    let schema_message = u32::from_le_bytes(good[4..8].try_into().expect("four bytes")) as usize + 8;
    let message = u32::from_le_bytes(good[schema_message + 4..schema_message + 8].try_into().expect("four bytes")) as usize + 8;
    let body = (good.len() - 8 - schema_message - message) as i64;
    let at = find(&good, schema_message, body);
    for lie in [i64::MAX, i64::MIN, -1, 1 << 46, body + 9] {
        let mut bytes = good.clone();
        bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
        assert_eq!(refusal(&bytes), format!("{lie} bytes claimed, {} left", body + 8));
    }
    // The number of rows, then the lengths of each column and buffer.
    for at in (schema_message..schema_message + message - 8).step_by(8) {
        for lie in [i64::MAX, i64::MIN, -1, 1 << 40, i64::MAX - 7] {
            let mut bytes = good.clone();
            bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
            if let Ok(batch) = read(&assemble(&bytes)) {
                assert_eq!(batch.frames[0].1.num_rows(), 5);
            }
        }
    }
}

#[test]
fn columns_may_not_share_bytes() {
    let column = |values: [i64; 5]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let two = RecordBatch::try_from_iter([("x", column([1, 2, 3, 4, 5])), ("y", column([6, 7, 8, 9, 10]))]).expect("a batch");
    let mut bytes = stream(&[two], IpcWriteOptions::default());
    // The second column's values begin behind the first column's 40 bytes, padded to 64. The test makes them begin at 0, too.
    let last = bytes.windows(16).rposition(|pair| pair[..8] != [0; 8] && pair[8..] == 40i64.to_le_bytes()).expect("the buffer's entry");
    bytes[last..last + 8].fill(0);
    assert_eq!(refusal(&bytes), "buffers that overlap");
}
