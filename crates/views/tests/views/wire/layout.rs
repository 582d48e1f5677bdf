//! The documented layout of a batch, and its limits.

use std::io::Write;

use arrow_ipc::writer::IpcWriteOptions;
use pganalytics_views::wire::{Header, Limits, WireError, decode, decode_header, encode};

use super::{PREFIX, assemble, assemble_compressed, header, read, rows, sample, seal, stream};

#[test]
fn a_batch_made_by_these_tests_is_valid() {
    let batch = read(&assemble(&stream(&[sample()], IpcWriteOptions::default()))).expect("a valid batch");
    assert_eq!(batch.frames, [("pg_stat_database".to_owned(), sample())]);
}

#[test]
fn a_batch_has_its_documented_layout() {
    let bytes = encode(header(), &[("pg_stat_database".into(), sample())], &Limits::default()).expect("a small batch");
    let length = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes")) as usize;
    assert_eq!(&bytes[..8], b"PGAB\x01\0\0\0");
    assert_eq!(bytes[12..PREFIX], crc32fast::hash(&bytes[PREFIX..]).to_le_bytes());
    let stated: Header = serde_json::from_slice(&bytes[PREFIX..PREFIX + length]).expect("JSON");
    let body = zstd::decode_all(&bytes[PREFIX + length..]).expect("one zstd frame");
    assert_eq!(body, stream(&[sample()], IpcWriteOptions::default()));
    assert_eq!((stated.frames[0].rows, stated.frames[0].bytes), (5, body.len() as u64));
    assert_eq!(decode_header(&bytes, &Limits::default()).expect("a valid header"), stated);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = encode(header(), &[("pg_stat_database".into(), sample())], &Limits::default()).expect("a small batch");
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} of {} bytes pass", bytes.len());
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    let bytes = encode(header(), &[("pg_stat_wal".into(), rows("pg_stat_wal", &[vec![(Some(1), "a".into())]]))], &Limits::default())
        .expect("a small batch");
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&damaged).is_err(), "bit {bit} flipped passes");
    }
}

#[test]
fn each_kind_of_damage_has_its_own_error() {
    let good = assemble(&stream(&[sample()], IpcWriteOptions::default()));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        read(&bytes).map(|_| ()).expect_err("a damaged batch")
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
fn a_header_can_be_read_without_its_body() {
    let bytes = assemble_compressed(b"no zstd at all", &[10]);
    assert_eq!(decode_header(&bytes, &Limits::default()).map(|header| header.sequence).ok(), Some(42));
    assert!(matches!(read(&bytes), Err(WireError::Compression(_))));
}

#[test]
fn limits_apply_to_encoding_and_decoding() {
    let frames = [("pg_stat_database".to_owned(), sample())];
    let bytes = encode(header(), &frames, &Limits::default()).expect("a small batch");
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
fn a_body_longer_than_stated_is_not_held_in_memory() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("zstd");
    assert!(matches!(read(&assemble_compressed(&bomb, &[1_000])), Err(WireError::Truncated { have: 1_001, need: 1_000 })));
    assert!(matches!(read(&assemble_compressed(&bomb, &[65 << 20])), Err(WireError::Truncated { .. })));
}

#[test]
fn a_body_that_needs_a_large_window_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(27).expect("a window");
    encoder.write_all(&stream(&[sample()], IpcWriteOptions::default())).expect("it is written");
    let body = encoder.finish().expect("a frame");
    assert!(matches!(read(&assemble_compressed(&body, &[10_000])), Err(WireError::Compression(_))));
}

#[test]
fn a_header_that_differs_from_its_rows_is_a_mismatch() {
    let other = rows("pg_stat_database", &vec![vec![(Some(1), "x".into())]; 4]);
    assert!(
        matches!(read(&assemble(&stream(&[other], IpcWriteOptions::default()))), Err(WireError::Mismatch { .. })),
        "4 rows instead of 5"
    );
    let late = rows("pg_stat_database", &vec![vec![(Some(1), "x".into())]; 5]);
    assert!(matches!(read(&assemble(&stream(&[late], IpcWriteOptions::default()))), Err(WireError::Mismatch { .. })), "different times");
    let empty = sample().slice(0, 0);
    assert!(matches!(encode(header(), &[("v".into(), empty)], &Limits::default()), Err(WireError::Mismatch { .. })), "no rows");
}
