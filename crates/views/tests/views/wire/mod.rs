//! A batch comes back as it was sent; anything else is an error within the limits, never a panic.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use pganalytics_views::wire::{Batch, Frame, Header, Limits, MAX_ERROR, Status, WireError, decode, decode_header, encode};
use pganalytics_views::{ViewSet, schema};
use proptest::prelude::*;
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

/// A cell's worth of randomness, turned into whatever type the column has.
type Cell = (Option<i64>, String);

static VIEWS: LazyLock<ViewSet> = LazyLock::new(|| ViewSet::builtin().expect("the built-in views are good"));

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

/// What a stream of these options would be on the wire, bypassing `encode`.
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

/// A batch with a right checksum and a header that fits, around any bytes that claim to be one frame.
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

/// Why a stream is refused.
#[track_caller]
fn refusal(stream: &[u8]) -> String {
    match read(&assemble(stream)) {
        Err(WireError::Rows { error: ArrowError::IpcError(problem), .. }) => problem,
        other => panic!("not refused as rows: {other:?}"),
    }
}

#[test]
fn the_hand_made_batch_of_these_tests_is_a_good_one() {
    let batch = read(&assemble(&stream(&[sample()], IpcWriteOptions::default()))).expect("it is good");
    assert_eq!(batch.frames, [("pg_stat_database".to_owned(), sample())]);
}

#[test]
fn a_batch_has_its_documented_layout() {
    let bytes = encode(header(), &[("pg_stat_database".into(), sample())], &Limits::default()).expect("it is small");
    let length = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes")) as usize;
    assert_eq!(&bytes[..8], b"PGAB\x01\0\0\0");
    assert_eq!(bytes[12..PREFIX], crc32fast::hash(&bytes[PREFIX..]).to_le_bytes());
    let stated: Header = serde_json::from_slice(&bytes[PREFIX..PREFIX + length]).expect("JSON");
    let body = zstd::decode_all(&bytes[PREFIX + length..]).expect("one zstd frame");
    assert_eq!(body, stream(&[sample()], IpcWriteOptions::default()));
    assert_eq!((stated.frames[0].rows, stated.frames[0].bytes), (5, body.len() as u64));
    assert_eq!(decode_header(&bytes, &Limits::default()).expect("the header is good"), stated);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = encode(header(), &[("pg_stat_database".into(), sample())], &Limits::default()).expect("it is small");
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} of {} bytes pass", bytes.len());
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    let bytes = encode(header(), &[("pg_stat_wal".into(), rows("pg_stat_wal", &[vec![(Some(1), "a".into())]]))], &Limits::default())
        .expect("it is small");
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&damaged).is_err(), "bit {bit} flipped passes");
    }
}

#[test]
fn other_bytes_are_told_apart() {
    let good = assemble(&stream(&[sample()], IpcWriteOptions::default()));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        read(&bytes).map(|_| ()).expect_err("it is damaged")
    };
    assert!(matches!(with(0, b'Q'), WireError::NotABatch(_)));
    assert!(matches!(with(4, 2), WireError::UnknownFormat(2)));
    assert!(matches!(with(6, 1), WireError::Reserved));
    assert!(matches!(with(20, b'!'), WireError::Checksum { .. }));
    assert!(matches!(read(b"PGAB"), Err(WireError::Truncated { have: 4, need: 16 })));
    assert!(matches!(read(&seal(b"{}", b"")), Err(WireError::Header(_))));
    assert!(matches!(read(&seal(&[b'['; 100_000], b"")), Err(WireError::Header(_))), "deep JSON");
}

#[test]
fn a_header_is_read_without_its_body() {
    let bytes = assemble_compressed(b"no zstd at all", &[10]);
    assert_eq!(decode_header(&bytes, &Limits::default()).map(|header| header.sequence).ok(), Some(42));
    assert!(matches!(read(&bytes), Err(WireError::Compression(_))));
}

#[test]
fn limits_hold_on_both_sides() {
    let frames = [("pg_stat_database".to_owned(), sample())];
    let bytes = encode(header(), &frames, &Limits::default()).expect("it is small");
    let tight = [
        ("encoded form", Limits { encoded: bytes.len() - 1, ..Limits::default() }),
        ("content", Limits { decoded: 1_000, ..Limits::default() }),
        ("header", Limits { header: 100, ..Limits::default() }),
    ];
    for (what, limits) in tight {
        assert!(
            matches!(encode(header(), &frames, &limits), Err(WireError::TooLarge { what: said, .. }) if said == what),
            "encode: {what}"
        );
        assert!(matches!(decode(&bytes, &limits), Err(WireError::TooLarge { what: said, .. }) if said == what), "decode: {what}");
    }
    let many = vec![frames[0].clone(); 1_001];
    assert!(matches!(encode(header(), &many, &Limits::default()), Err(WireError::TooLarge { what: "number of frames", .. })));
    let many = assemble_compressed(b"", &[0; 1_001]);
    assert!(matches!(decode_header(&many, &Limits::default()), Err(WireError::TooLarge { what: "number of frames", .. })));
    let overflow = assemble_compressed(b"", &[u64::MAX, u64::MAX]);
    assert!(matches!(read(&overflow), Err(WireError::TooLarge { what: "content", .. })));
}

#[test]
fn a_body_that_is_not_as_long_as_stated_is_not_held() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("zstd");
    assert!(matches!(read(&assemble_compressed(&bomb, &[1_000])), Err(WireError::Truncated { have: 1_001, need: 1_000 })));
    assert!(matches!(read(&assemble_compressed(&bomb, &[65 << 20])), Err(WireError::Truncated { .. })));
}

#[test]
fn a_body_that_wants_a_large_window_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(27).expect("a window");
    encoder.write_all(&stream(&[sample()], IpcWriteOptions::default())).expect("it is written");
    let body = encoder.finish().expect("a frame");
    assert!(matches!(read(&assemble_compressed(&body, &[10_000])), Err(WireError::Compression(_))));
}

#[test]
fn a_header_that_does_not_fit_its_rows_is_a_mismatch() {
    let other = rows("pg_stat_database", &vec![vec![(Some(1), "x".into())]; 4]);
    assert!(matches!(read(&assemble(&stream(&[other], IpcWriteOptions::default()))), Err(WireError::Mismatch { .. })), "4 rows, 5 stated");
    let late = rows("pg_stat_database", &vec![vec![(Some(1), "x".into())]; 5]);
    assert!(matches!(read(&assemble(&stream(&[late], IpcWriteOptions::default()))), Err(WireError::Mismatch { .. })), "other times");
    let empty = sample().slice(0, 0);
    assert!(matches!(encode(header(), &[("v".into(), empty)], &Limits::default()), Err(WireError::Mismatch { .. })), "no rows");
}

#[test]
fn a_stream_is_one_schema_and_one_batch_and_nothing_else() {
    let plain = IpcWriteOptions::default;
    let one = stream(&[sample()], plain());
    assert_eq!(refusal(&stream(&[sample(), sample()], plain())), "a stream with more than one record batch");
    assert_eq!(refusal(&[one.as_slice(), &[0]].concat()), "bytes after the end of the stream");
    assert_eq!(refusal(&one[..one.len() - 8]), "4 bytes where 0 are left");
    assert_eq!(refusal(&one[8..]), "a message without its mark");
    assert_eq!(refusal(&[]), "4 bytes where 0 are left");
    assert_eq!(refusal(&[255, 255, 255, 255, 0, 0, 0, 0]), "a stream without a schema");
    assert_eq!(refusal(&[255, 255, 255, 255, 255, 255, 255, 127]), "2147483647 bytes where 0 are left");
}

#[test]
fn compressed_columns_are_refused() {
    let options = IpcWriteOptions::default().try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME)).expect("lz4 is built in");
    assert_eq!(refusal(&stream(&[sample()], options)), "compressed columns");
}

#[test]
fn columns_of_types_that_no_view_has_are_refused() {
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
    assert_eq!(refusal(&stream(&[wide], IpcWriteOptions::default())), "1001 columns, at most 1000 are taken");
}

/// The bytes of a little-endian integer, where they occur first at or after a place.
fn find(bytes: &[u8], from: usize, value: i64) -> usize {
    let needle = value.to_le_bytes();
    from + bytes[from..].windows(8).position(|window| window == needle).expect("the value is in the message")
}

#[test]
fn lengths_that_lie_take_no_memory() {
    let good = stream(&[sample()], IpcWriteOptions::default());
    let schema_message = u32::from_le_bytes(good[4..8].try_into().expect("four bytes")) as usize + 8;
    let message = u32::from_le_bytes(good[schema_message + 4..schema_message + 8].try_into().expect("four bytes")) as usize + 8;
    let body = (good.len() - 8 - schema_message - message) as i64;
    let at = find(&good, schema_message, body);
    for lie in [i64::MAX, i64::MIN, -1, 1 << 46, body + 9] {
        let mut bytes = good.clone();
        bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
        assert_eq!(refusal(&bytes), format!("{lie} bytes where {} are left", body + 8));
    }
    // The batch's own number of rows, then each of its columns and buffers.
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
    // The second column's values begin where the first one's 40 bytes, padded to 64, end; they are made to begin at 0 as well.
    let last = bytes.windows(16).rposition(|pair| pair[..8] != [0; 8] && pair[8..] == 40i64.to_le_bytes()).expect("the buffer's entry");
    bytes[last..last + 8].fill(0);
    assert_eq!(refusal(&bytes), "buffers that overlap");
}

fn cells() -> impl Strategy<Value = Vec<Vec<Cell>>> {
    let cell = (proptest::option::of(any::<i64>()), ".{0,12}");
    proptest::collection::vec(proptest::collection::vec(cell, 7), 1..20)
}

fn view_name() -> impl Strategy<Value = String> {
    let names: Vec<_> = VIEWS.iter().map(|view| view.name.clone()).collect();
    proptest::sample::select(names)
}

#[test]
fn headers_with_and_without_a_status_are_read_by_both_versions() {
    let bytes = encode(header(), &[], &Limits::default()).expect("it is small");
    assert_eq!(decode_header(&bytes, &Limits::default()).expect("it was encoded").status, header().status);
    // As a collector before it writes, and as one after it may.
    let told = |status: &str| {
        let text = format!(
            r#"{{"collector":"{}","collector_name":"c","sequence":1,"created_us":1,"version":"0"{status},"frames":[]}}"#,
            Uuid::from_u128(7)
        );
        serde_json::from_str::<pganalytics_views::wire::Header>(&text).expect("a header").status
    };
    assert_eq!(told(""), None);
    let some = told(r#","status":{"spool_batches":3,"of_tomorrow":[1]}"#);
    assert_eq!(some, Some(Status { spool_batches: 3, ..Status::default() }));
    let plain = serde_json::to_string(&Header { status: None, ..header() }).expect("JSON");
    assert!(!plain.contains("status"), "{plain}");
}

#[test]
fn an_error_in_the_status_is_one_line_and_short_whatever_was_sent() {
    let status = Status { last_error: Some(format!("a\nb\u{1b}[31m{}", "é".repeat(1_000))), ..Status::default() };
    let bytes = encode(Header { status: Some(status), ..header() }, &[], &Limits::default()).expect("it is small");
    let read = decode_header(&bytes, &Limits::default()).expect("it was encoded").status.and_then(|status| status.last_error);
    let error = read.expect("an error");
    assert!(error.len() <= MAX_ERROR && error.starts_with("a b ") && !error.contains(char::is_control), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(
        frames in proptest::collection::vec((view_name(), cells()), 0..4),
        sequence in any::<u64>(),
        dropped_rows in any::<u64>(),
        collector_name in ".{0,30}",
    ) {
        let frames: Vec<_> = frames.into_iter().map(|(view, cells)| { let rows = rows(&view, &cells); (view, rows) }).collect();
        let sent = Header { sequence, dropped_rows, collector_name, ..header() };
        let bytes = encode(sent.clone(), &frames, &Limits::default()).expect("it is small");
        let batch = read(&bytes).expect("it was encoded");
        prop_assert_eq!(&batch.frames, &frames);
        let stated = std::mem::take(&mut batch.header.clone().frames);
        prop_assert_eq!(stated.iter().map(|frame| frame.rows).sum::<u64>(), frames.iter().map(|(_, rows)| rows.num_rows() as u64).sum::<u64>());
        prop_assert_eq!(Header { frames: Vec::new(), ..batch.header }, sent);
    }

    #[test]
    fn any_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes).is_err());
        prop_assert!(decode_header(&bytes, &Limits::default()).is_err());
        prop_assert!(read(&[b"PGAB\x01\0\0\0".as_slice(), &bytes].concat()).is_err());
    }

    #[test]
    fn any_header_and_body_under_a_right_checksum_are_read_or_refused(
        head in proptest::collection::vec(any::<u8>(), 0..100),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(read(&seal(&head, &body)).is_err());
        prop_assert!(read(&assemble_compressed(&body, &[1_000])).is_err());
        prop_assert!(read(&assemble(&body)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The interesting bytes: a stream that is nearly good, under a right checksum.
    #[test]
    fn a_damaged_stream_is_read_or_refused(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.1, any::<proptest::sample::Index>()),
    ) {
        let mut bytes = stream(&[sample()], IpcWriteOptions::default());
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(batch) = read(&assemble(&bytes)) {
            // What passes can be used: every cell of it can be read and written again.
            prop_assert_eq!(batch.frames[0].1.num_rows(), 5);
            encode(batch.header.clone(), &batch.frames, &Limits::default()).expect("what was decoded is encoded");
        }
    }
}
