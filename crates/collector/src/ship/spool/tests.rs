//! Tests of the spool with kills, full disks and damaged files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use pganalytics_views::wire::{Header, Limits, decode_header, encode};
use proptest::prelude::*;

use super::folder::name;
use super::rejected::REJECTED_FILES;
use super::{Oldest, Spool};

const LARGE: u64 = 1 << 30;

/// The next batch of the spool, with this number of rows.
fn batch(spool: &Spool, rows: usize) -> Bytes {
    let ts = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let column: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows).map(|row| row as i64)).with_timezone("UTC"));
    let frame = RecordBatch::try_new(Arc::new(Schema::new(vec![Field::new("ts", ts, false)])), vec![column]).expect("rows");
    let (sequence, dropped_rows) = spool.next();
    let header = Header {
        collector: spool.identity(),
        collector_name: "c".into(),
        sequence,
        created_us: 1,
        version: "0".into(),
        dropped_rows,
        status: None,
        frames: Vec::new(),
    };
    encode(header, &[("v".into(), frame)], &Limits::default()).expect("a batch").into()
}

fn append(spool: &mut Spool, rows: usize) -> u64 {
    let (sequence, dropped_rows) = spool.next();
    let body = batch(spool, rows);
    spool.append(body, dropped_rows).expect("taken");
    sequence
}

fn open(folder: &Path) -> Spool {
    Spool::open(folder, LARGE).expect("opened")
}

/// Ships all batches. Returns their sequences in order.
fn drain(spool: &mut Spool) -> Vec<u64> {
    let mut sequences = Vec::new();
    while let Some(Oldest { sequence, .. }) = spool.oldest() {
        sequences.push(sequence);
        spool.shipped(sequence);
    }
    sequences
}

#[test]
fn batches_survive_a_restart_in_order_and_no_sequence_is_used_twice() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = open(folder.path());
    let identity = spool.identity();
    let first: Vec<u64> = (0..3).map(|_| append(&mut spool, 2)).collect();
    drop(spool);

    let mut spool = open(folder.path());
    assert_eq!(spool.identity(), identity);
    assert_eq!(drain(&mut spool), first);
    drop(spool);

    // All batches are shipped, so no file holds their sequences. The sequences are still not used again.
    let mut spool = open(folder.path());
    assert!(append(&mut spool, 1) > first[2]);
}

#[test]
fn a_second_collector_is_refused_and_a_wiped_spool_is_a_new_identity() {
    let folder = tempfile::tempdir().expect("folder");
    let spool = open(folder.path());
    let identity = spool.identity();
    let error = Spool::open(folder.path(), LARGE).expect_err("in use").to_string();
    assert!(error.contains("another collector uses the spool"), "{error}");
    drop(spool);
    fs::remove_dir_all(folder.path()).expect("the folder is empty");
    assert_ne!(open(folder.path()).identity(), identity);
}

#[test]
fn a_batch_file_cut_at_any_byte_does_not_affect_the_others() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = open(folder.path());
    let (cut, whole) = (append(&mut spool, 3), append(&mut spool, 3));
    drop(spool);
    let (file, other) = (folder.path().join(name(cut)), folder.path().join(name(whole)));
    let (content, other_content) = (fs::read(&file).expect("a batch"), fs::read(&other).expect("a batch"));
    for length in 0..content.len() {
        fs::write(&file, &content[..length]).expect("cut");
        fs::write(&other, &other_content).expect("put back");
        let mut spool = open(folder.path());
        assert_eq!(drain(&mut spool), [whole], "cut at {length}");
        assert_eq!(spool.counts().damaged, 1, "cut at {length}");
    }
}

#[test]
fn a_state_file_cut_at_any_byte_gives_the_old_or_a_new_identity_and_no_sequence_twice() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = open(folder.path());
    let identity = spool.identity();
    let used = append(&mut spool, 1);
    drop(spool);
    let file = folder.path().join("state");
    let content = fs::read(&file).expect("the state");
    for length in 0..content.len() {
        fs::write(&file, &content[..length]).expect("cut");
        let spool = open(folder.path());
        assert!(spool.identity() != identity || spool.next().0 > used, "cut at {length}");
    }
}

#[test]
fn unfinished_files_are_removed() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join(format!("{}.tmp", name(7))), b"half").expect("written");
    let mut spool = open(folder.path());
    assert!(spool.oldest().is_none());
    assert!(!folder.path().join(format!("{}.tmp", name(7))).exists());
}

#[test]
fn a_full_spool_drops_the_oldest_and_the_next_header_counts_the_rows() {
    let folder = tempfile::tempdir().expect("folder");
    let spool = open(folder.path());
    let size = batch(&spool, 10).len() as u64;
    drop(spool);
    let mut spool = Spool::open(folder.path(), size * 2 + size / 2).expect("opened");
    let first = append(&mut spool, 10);
    append(&mut spool, 10);
    append(&mut spool, 10);
    assert_eq!(spool.counts().dropped_rows, 10);
    assert!(spool.oldest().is_some_and(|oldest| oldest.sequence > first));
    assert_eq!(spool.next().1, 10);
    // The count survives a crash, and is reset once a header carries it.
    drop(spool);
    let mut spool = open(folder.path());
    assert_eq!(spool.next().1, 10);
    let next = batch(&spool, 1);
    assert_eq!(decode_header(&next, &Limits::default()).expect("a batch").dropped_rows, 10);
    spool.append(next, 10).expect("taken");
    assert_eq!(spool.next().1, 0);
}

#[test]
fn an_unreadable_state_is_an_error_and_the_identity_stays() {
    let folder = tempfile::tempdir().expect("folder");
    let identity = open(folder.path()).identity();
    // A folder in place of the file cannot be read, not even by root.
    let (state, aside) = (folder.path().join("state"), folder.path().join("aside"));
    fs::rename(&state, &aside).expect("moved");
    fs::create_dir(&state).expect("made");
    let error = Spool::open(folder.path(), 1 << 20).expect_err("not readable");
    assert!(format!("{error:#}").contains("chown"), "{error:#}");
    assert!(Spool::look(folder.path()).is_err());
    fs::remove_dir(&state).expect("removed");
    fs::rename(&aside, &state).expect("moved");
    assert_eq!(open(folder.path()).identity(), identity);
}

#[test]
fn a_damaged_state_is_set_aside_and_a_check_changes_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let new = folder.path().join("new");
    assert_eq!(Spool::look(&new).expect("writable"), None);
    assert!(!new.exists(), "a check creates no folder");
    let identity = open(folder.path()).identity();
    fs::write(folder.path().join("state"), "identity ?").expect("written");
    fs::write(folder.path().join("x.tmp"), "").expect("written");
    assert_eq!(Spool::look(folder.path()).expect("readable"), Some((0, 0)));
    assert!(folder.path().join("x.tmp").exists());
    assert_eq!(fs::read_to_string(folder.path().join("state")).expect("read"), "identity ?");
    assert_ne!(open(folder.path()).identity(), identity);
    assert_eq!(fs::read_to_string(folder.path().join("state.damaged")).expect("kept"), "identity ?");
}

#[test]
fn rejected_batches_are_kept_and_bounded() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = open(folder.path());
    for _ in 0..REJECTED_FILES + 5 {
        let sequence = append(&mut spool, 1);
        spool.reject(sequence);
    }
    assert!(spool.is_empty());
    assert_eq!(spool.counts().rejected, REJECTED_FILES as u64 + 5);
    let kept = fs::read_dir(folder.path().join("rejected")).expect("folder").count();
    assert_eq!(kept, REJECTED_FILES);
}

#[test]
fn if_the_disk_is_not_writable_batches_wait_in_memory_and_reach_the_disk_later() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = open(folder.path());
    // A folder in place of the temporary file makes the write fail, like a full disk, even for root.
    let obstacle = folder.path().join(format!("{}.tmp", name(spool.next().0)));
    fs::create_dir(&obstacle).expect("made");
    let held = append(&mut spool, 4);
    assert!(!spool.is_on_disk());
    assert!(spool.oldest().is_some_and(|oldest| oldest.sequence == held && oldest.rows == 4));
    fs::remove_dir(&obstacle).expect("removed");
    let next = append(&mut spool, 4);
    assert!(spool.is_on_disk());
    drop(spool);
    assert_eq!(drain(&mut open(folder.path())), [held, next]);
}

#[test]
fn batches_in_memory_are_bounded_and_each_dropped_row_is_counted_once() {
    let folder = tempfile::tempdir().expect("folder");
    let (own, away) = (folder.path().join("spool"), folder.path().join("away"));
    let mut spool = open(&own);
    // Without the folder each write fails, even for root.
    fs::rename(&own, &away).expect("moved");
    let (mut appended, mut told) = (0, 0);
    // The count must come to the same, in however many headers it travels.
    while told < 3 {
        let rows = 400_000;
        told += u32::from(spool.next().1 > 0);
        append(&mut spool, rows);
        appended += rows as u64;
    }
    assert!(spool.bytes() <= 16 << 20, "{} bytes in memory", spool.bytes());
    let dropped = spool.counts().dropped_rows;
    fs::rename(&away, &own).expect("moved back");
    append(&mut spool, 1);
    assert!(spool.is_on_disk());
    drop(spool);
    let mut spool = open(&own);
    let (mut rows, mut reported) = (0, spool.next().1);
    while let Some(oldest) = spool.oldest() {
        rows += oldest.rows;
        reported += decode_header(&oldest.body, &Limits::default()).expect("a batch").dropped_rows;
        spool.shipped(oldest.sequence);
    }
    assert_eq!((rows + dropped, reported), (appended + 1, dropped));
}

#[test]
fn rows_that_a_rejected_batch_reported_are_reported_again() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spool = open(folder.path());
    spool.drop_rows(7);
    let sequence = append(&mut spool, 1);
    assert_eq!(spool.next().1, 0);
    spool.reject(sequence);
    drop(spool);
    assert_eq!(open(folder.path()).next().1, 7);
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    Ship,
    Reject,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..20_usize).prop_map(Step::Append),
        2 => Just(Step::Ship),
        1 => Just(Step::Reject),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_sequence_of_operations_keeps_a_queue_of_rising_sequence_numbers(steps in steps()) {
        let folder = tempfile::tempdir().expect("folder");
        let mut spool = open(folder.path());
        let (mut model, mut highest) = (std::collections::VecDeque::new(), 0);
        for step in steps {
            match step {
                Step::Append(rows) => {
                    let sequence = append(&mut spool, rows);
                    prop_assert!(sequence > highest);
                    highest = sequence;
                    model.push_back((sequence, rows as u64));
                }
                Step::Ship | Step::Reject => {
                    let oldest = spool.oldest().map(|oldest| (oldest.sequence, oldest.rows));
                    prop_assert_eq!(oldest, model.pop_front());
                    if let Some((sequence, _)) = oldest {
                        if matches!(step, Step::Ship) { spool.shipped(sequence) } else { spool.reject(sequence) }
                    }
                }
                Step::Restart => {
                    drop(spool);
                    spool = open(folder.path());
                }
            }
            prop_assert_eq!(spool.len(), model.len());
        }
    }
}
