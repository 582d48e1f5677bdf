//! Keeps every batch that was ever in a collector's spool, under a second name. So the judge knows the rows of batches that were shipped, also if
//! the collector was killed several times.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMicrosecondType;
use pganalytics_views::ViewSet;
use pganalytics_views::wire::{self, Limits};

use crate::api::Api;

/// The pause between two looks at the spool. A batch is on disk for longer: shipping a batch takes a commit.
const NAP: Duration = Duration::from_millis(1);

/// The number of rows of each snapshot, by view, server and time in microseconds.
pub type Snapshots = BTreeMap<(String, String, i64), i64>;

/// Watches a spool; see the module. Dropping the value ends the watch.
#[derive(Debug)]
pub struct SpoolWatch {
    spool: PathBuf,
    kept: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl SpoolWatch {
    /// Watches a spool from now on.
    ///
    /// # Errors
    /// If no folder can be made beside the spool.
    pub fn watch(spool: PathBuf) -> Result<Self> {
        let beside = spool.parent().context("the folder of the spool")?;
        let kept = tempfile::Builder::new().prefix("kept-").tempdir_in(beside).context("create a folder beside the spool")?;
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = std::thread::spawn({
            let (spool, kept, stop) = (spool.clone(), kept.path().to_owned(), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    look(&spool, &kept);
                    std::thread::sleep(NAP);
                }
            }
        });
        Ok(Self { spool, kept, stop, watcher: Some(watcher) })
    }

    /// The number of batches seen so far.
    ///
    /// # Errors
    /// If the batches cannot be listed.
    pub fn batches(&self) -> Result<usize> {
        Ok(batches(self.kept.path()).context("list the kept batches")?.len())
    }

    /// Whether the spool is empty: every batch was acknowledged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        batches(&self.spool).is_ok_and(|waiting| waiting.is_empty())
    }

    /// The snapshots in all batches seen so far.
    ///
    /// # Errors
    /// If a file is no batch.
    pub fn snapshots(&self) -> Result<Snapshots> {
        let mut snapshots = Snapshots::new();
        for path in batches(self.kept.path()).context("list the kept batches")? {
            let body = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let batch = wire::decode(&body, &Limits::default()).with_context(|| format!("decode {}", path.display()))?;
            for (view, rows) in &batch.frames {
                let ts = rows.column_by_name("ts").context("a column ts")?.as_primitive::<TimestampMicrosecondType>();
                let server = rows.column_by_name("server").context("a column server")?.as_string::<i32>();
                for (ts, server) in ts.values().iter().zip(server) {
                    *snapshots.entry((view.clone(), server.unwrap_or_default().to_owned(), *ts)).or_default() += 1;
                }
            }
        }
        Ok(snapshots)
    }

    /// All texts in the headers and rows of all batches seen so far.
    ///
    /// # Errors
    /// If a file is no batch.
    pub fn texts(&self) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for path in batches(self.kept.path()).context("list the kept batches")? {
            let body = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let batch = wire::decode(&body, &Limits::default()).with_context(|| format!("decode {}", path.display()))?;
            texts.push(serde_json::to_string(&batch.header).context("write a header")?);
            for column in batch.frames.iter().flat_map(|(_, rows)| rows.columns()) {
                let column = column.as_string_opt::<i32>();
                texts.extend(column.into_iter().flatten().flatten().map(ToOwned::to_owned));
            }
        }
        Ok(texts)
    }

    /// Checks that every row of every batch is in the history once. Returns the number of snapshots.
    ///
    /// # Errors
    /// If a row is missing or doubled, or there is no answer.
    pub async fn judge(&self, api: &Api) -> Result<usize> {
        let expected = self.snapshots()?;
        let servers: std::collections::BTreeSet<&str> = expected.keys().map(|(_, server, _)| server.as_str()).collect();
        let mut found = Snapshots::new();
        for view in ViewSet::builtin().context("read the views")?.iter() {
            for server in &servers {
                let mut after = 0;
                loop {
                    // In portions: an answer has a limit of rows.
                    const PORTION: usize = 5_000;
                    let sql = format!(
                        "select us, count(*) from (select cast(extract(epoch from ts) * 1000000 as bigint) as us from {} where server = '{server}') \
                         where us > {after} group by us order by us limit {PORTION}",
                        view.name
                    );
                    let rows = api.sql(&sql).await?;
                    for row in &rows {
                        let (ts, count) = (row[0].as_i64().context("a time")?, row[1].as_i64().context("a count")?);
                        found.insert((view.name.clone(), (*server).to_owned(), ts), count);
                        after = ts;
                    }
                    if rows.len() < PORTION {
                        break;
                    }
                }
            }
        }
        let differ: Vec<String> = expected
            .keys()
            .chain(found.keys())
            .filter(|key| expected.get(*key) != found.get(*key))
            .map(|key| format!("{key:?}: {:?} rows were spooled, {:?} are in the history", expected.get(key), found.get(key)))
            .collect();
        ensure!(
            differ.is_empty(),
            "{} of {} snapshots differ, the first: {:?}",
            differ.len(),
            expected.len(),
            &differ[..differ.len().min(5)]
        );
        Ok(expected.len())
    }
}

impl SpoolWatch {
    /// Checks that the history has as many rows of each view and server as the batches seen so far. For rows whose times the backend has moved.
    ///
    /// # Errors
    /// If a row is missing or doubled, or there is no answer.
    pub async fn judge_counts(&self, api: &Api) -> Result<()> {
        let mut expected: BTreeMap<(String, String), i64> = BTreeMap::new();
        for ((view, server, _), rows) in self.snapshots()? {
            *expected.entry((view, server)).or_default() += rows;
        }
        for ((view, server), rows) in expected {
            let found = api.integer(&format!("select count(*) from {view} where server = '{server}'")).await?;
            ensure!(found == rows, "{view} of {server}: {rows} rows were spooled, {found} are in the history");
        }
        Ok(())
    }
}

impl Drop for SpoolWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            // The watcher cannot fail; the judge finds batches that it did not see.
            let _ = watcher.join();
        }
    }
}

fn look(spool: &Path, kept: &Path) {
    for path in batches(spool).unwrap_or_default() {
        if let Some(name) = path.file_name() {
            // Fails if the batch is kept already, or was shipped meanwhile.
            let _ = std::fs::hard_link(&path, kept.join(name));
        }
    }
}

fn batches(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    Ok(entries.filter(|path| path.extension().is_some_and(|extension| extension == "batch")).collect())
}
