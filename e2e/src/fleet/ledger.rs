//! The ledger: the batches that the backend has acknowledged. An entry counts only after an fsync.
//!
//! # Format
//! Text that only grows, one record per line: `<crc32 of the JSON, 8 hex digits> <JSON>`. The first record is the fleet's [`Shape`]; each further record
//! is a batch that was acknowledged or refused. A last line that is cut off never counted and is removed. Any other damage is an error: a judge must not
//! guess.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::rows::Sums;
use super::shape::Shape;

/// A batch that the backend has acknowledged or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub collector: u32,
    pub sequence: u64,
    /// The sums of its rows.
    pub sums: Sums,
    /// The refusal, if the batch was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The backend acknowledged it as a duplicate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// Failed requests before the last one, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, u32>,
    /// From the last request to its answer.
    pub try_us: u64,
    /// From the first request to the last answer.
    pub whole_us: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Fleet(Shape),
    Batch(Entry),
}

/// The contents of a ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub shape: Shape,
    /// In the order in which they were recorded.
    pub entries: Vec<Entry>,
}

impl History {
    /// A collector's last sequence in the ledger; 0 if there is none.
    #[must_use]
    pub fn last(&self, collector: u32) -> u64 {
        self.entries.iter().filter(|entry| entry.collector == collector).map(|entry| entry.sequence).max().unwrap_or(0)
    }

    /// Reads a ledger, also while a fleet writes it.
    ///
    /// # Errors
    /// If the ledger cannot be read, is damaged, or has a batch twice or out of order.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("read the ledger {}", path.display()))?;
        parse(&bytes).map(|(history, _)| history).with_context(|| format!("read the ledger {}", path.display()))
    }
}

/// An open ledger. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    queue: Sender<Waiting>,
}

impl Ledger {
    /// Creates a ledger.
    ///
    /// # Errors
    /// If the file exists already or cannot be written.
    pub fn create(path: &Path, shape: &Shape) -> Result<Self> {
        let at = || format!("create the ledger {}; name a new file in a folder that this user may write", path.display());
        let mut file = OpenOptions::new().append(true).create_new(true).open(path).with_context(at)?;
        file.write_all(&line(&Record::Fleet(shape.clone()))?).and_then(|()| file.sync_all()).with_context(at)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(at)?;
        Ok(Self::of(path, file))
    }

    /// Opens an existing ledger to continue it.
    ///
    /// # Errors
    /// See [`History::read`].
    pub fn open(path: &Path) -> Result<(Self, History)> {
        let at = || format!("open the ledger {}", path.display());
        let bytes = std::fs::read(path).with_context(at)?;
        let (history, whole) = parse(&bytes).with_context(at)?;
        let file = OpenOptions::new().append(true).open(path).with_context(at)?;
        file.set_len(whole as u64).and_then(|()| file.sync_all()).with_context(at)?;
        Ok((Self::of(path, file), history))
    }

    fn of(path: &Path, file: File) -> Self {
        let (queue, waiting) = channel();
        std::thread::spawn(move || write(file, &waiting));
        Self(Arc::new(Inner { path: path.to_owned(), queue }))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Writes an entry. Returns when the entry is on disk. If the future is dropped earlier, the entry may still be written.
    ///
    /// # Errors
    /// If the entry cannot be written.
    pub async fn append(&self, entry: Entry) -> Result<()> {
        self.write(line(&Record::Batch(entry))?).await
    }

    /// Waits until all entries are on disk.
    ///
    /// # Errors
    /// If an entry cannot be written.
    pub async fn settle(&self) -> Result<()> {
        self.write(Vec::new()).await
    }

    async fn write(&self, line: Vec<u8>) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.0.queue.send((line, answer)).map_err(|_| anyhow!("the ledger's thread has ended"))?;
        let written = answered.await.context("wait for the ledger's thread")?;
        written.map_err(|error| anyhow!("write the ledger {}: {error}", self.0.path.display()))
    }
}

/// Lines, and the answer to the task that waits for them.
type Waiting = (Vec<u8>, oneshot::Sender<Result<(), String>>);

/// Writes entries with one fsync for all that wait. After an error it writes nothing more: the end of the file is unknown then.
fn write(mut file: File, waiting: &Receiver<Waiting>) {
    while let Ok((mut lines, first)) = waiting.recv() {
        let mut answers = vec![first];
        while let Ok((line, answer)) = waiting.try_recv() {
            lines.extend(line);
            answers.push(answer);
        }
        let written = file.write_all(&lines).and_then(|()| file.sync_data()).map_err(|error| error.to_string());
        for answer in answers {
            let _ = answer.send(written.clone());
        }
        if written.is_err() {
            return;
        }
    }
}

fn line(record: &Record) -> Result<Vec<u8>> {
    let json = serde_json::to_string(record).context("write a record as JSON")?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes())
}

/// The contents, and the length of the whole lines.
fn parse(bytes: &[u8]) -> Result<(History, usize)> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut history: Option<History> = None;
    let mut last = BTreeMap::new();
    for (number, line) in bytes[..whole].split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() && number > 0 {
            continue;
        }
        let record = record(line).with_context(|| format!("line {} is damaged: this ledger cannot be judged", number + 1))?;
        match (record, &mut history) {
            (Record::Fleet(shape), None) => history = Some(History { shape, entries: Vec::new() }),
            (Record::Batch(entry), Some(history)) => {
                let last: &mut u64 = last.entry(entry.collector).or_default();
                ensure!(
                    entry.sequence == *last + 1,
                    "line {}: batch {} of collector {} comes after {last}: two fleets wrote this file",
                    number + 1,
                    entry.sequence,
                    entry.collector
                );
                *last = entry.sequence;
                history.entries.push(entry);
            }
            (Record::Fleet(_), Some(_)) => bail!("line {}: a second fleet record", number + 1),
            (Record::Batch(_), None) => bail!("the first line is not a fleet record: this file is not a ledger"),
        }
    }
    Ok((history.context("the file is empty: it is not a ledger")?, whole))
}

fn record(line: &[u8]) -> Result<Record> {
    let (sum, json) = line.split_at_checked(9).context("the line is too short")?;
    let sum = std::str::from_utf8(&sum[..8]).ok().and_then(|sum| u32::from_str_radix(sum, 16).ok()).context("the line has no checksum")?;
    ensure!(line[8] == b' ', "the line has no checksum");
    ensure!(sum == crc32fast::hash(json), "the checksum differs");
    serde_json::from_slice(json).context("read the JSON of the line")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::collections::BTreeMap;

    use super::{Entry, History, Ledger, Shape};
    use crate::fleet::rows::Sum;

    fn shape() -> Shape {
        Shape::new(1, 20, 1_800_000_000_000_000)
    }

    fn entry(collector: u32, sequence: u64) -> Entry {
        let sums = BTreeMap::from([("pg_stat_wal".to_owned(), Sum { rows: 10, mark: 99 })]);
        Entry { collector, sequence, sums, refused: None, duplicate: false, failures: BTreeMap::new(), try_us: 1_000, whole_us: 2_000 }
    }

    #[tokio::test]
    async fn a_ledger_is_read_and_continued() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let ledger = Ledger::create(&path, &shape()).unwrap();
        let (one, two) = (ledger.append(entry(0, 1)), ledger.append(entry(1, 1)));
        tokio::try_join!(one, two).unwrap();
        drop(ledger);
        let (ledger, history) = Ledger::open(&path).unwrap();
        assert_eq!((history.shape.clone(), history.entries.len(), history.last(1), history.last(2)), (shape(), 2, 1, 0));
        ledger.append(entry(1, 2)).await.unwrap();
        assert_eq!(History::read(&path).unwrap().last(1), 2);
        assert!(Ledger::create(&path, &shape()).is_err(), "a ledger must not be overwritten");
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_never_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let ledger = Ledger::create(&path, &shape()).unwrap();
        ledger.append(entry(0, 1)).await.unwrap();
        let whole = std::fs::read(&path).unwrap();
        ledger.append(entry(0, 2)).await.unwrap();
        let both = std::fs::read(&path).unwrap();
        for cut in whole.len()..both.len() {
            std::fs::write(&path, &both[..cut]).unwrap();
            let (ledger, history) = Ledger::open(&path).unwrap();
            assert_eq!(history.last(0), 1, "cut at {cut}");
            drop(ledger);
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn a_damaged_line_a_gap_and_a_repeated_batch_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let ledger = Ledger::create(&path, &shape()).unwrap();
        ledger.append(entry(0, 1)).await.unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).filter(|at| good[*at] != b'\n') {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).unwrap();
            assert!(History::read(&path).is_err(), "byte {at} was changed");
        }
        std::fs::write(&path, &good).unwrap();
        ledger.append(entry(0, 3)).await.unwrap();
        assert!(format!("{:#}", History::read(&path).unwrap_err()).contains("line 3: batch 3 of collector 0 comes after 1"));
        std::fs::write(&path, &good).unwrap();
        ledger.append(entry(0, 1)).await.unwrap();
        assert!(format!("{:#}", History::read(&path).unwrap_err()).contains("two fleets"));
    }
}
