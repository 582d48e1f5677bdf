//! Properties of encoding and decoding, with random input.

use arrow_ipc::writer::IpcWriteOptions;
use pganalytics_views::wire::{Header, Limits, decode_header, encode};
use proptest::prelude::*;

use super::{Cell, VIEWS, assemble, assemble_compressed, header, read, rows, sample, seal, stream};

fn cells() -> impl Strategy<Value = Vec<Vec<Cell>>> {
    let cell = (proptest::option::of(any::<i64>()), ".{0,12}");
    proptest::collection::vec(proptest::collection::vec(cell, 7), 1..20)
}

fn view_name() -> impl Strategy<Value = String> {
    let names: Vec<_> = VIEWS.iter().map(|view| view.name.clone()).collect();
    proptest::sample::select(names)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_returns_what_was_encoded(
        frames in proptest::collection::vec((view_name(), cells()), 0..4),
        sequence in any::<u64>(),
        dropped_rows in any::<u64>(),
        collector_name in ".{0,30}",
    ) {
        let frames: Vec<_> = frames.into_iter().map(|(view, cells)| { let rows = rows(&view, &cells); (view, rows) }).collect();
        let sent = Header { sequence, dropped_rows, collector_name, ..header() };
        let bytes = encode(sent.clone(), &frames, &Limits::default()).expect("a small batch");
        let batch = read(&bytes).expect("an encoded batch");
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
    fn random_headers_and_bodies_under_a_valid_checksum_are_refused(
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

    /// A nearly valid stream under a valid checksum.
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
            // A stream that is accepted can be used: every cell can be read and encoded again.
            prop_assert_eq!(batch.frames[0].1.num_rows(), 5);
            encode(batch.header.clone(), &batch.frames, &Limits::default()).expect("decoded rows can be encoded");
        }
    }
}
