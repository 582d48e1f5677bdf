//! What a collector's spool ever held: every batch that was on disk there is kept aside under a second name, so that a judge knows its rows when
//! it has been shipped and the collector has been killed more than once.

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

use crate::drive::backend::Api;

/// Between two looks: a batch is on disk for longer, since shipping takes a commit.
const NAP: Duration = Duration::from_millis(1);

/// Snapshots by view, server and time in microseconds, with how many rows they have.
pub type Snapshots = BTreeMap<(String, String, i64), i64>;

/// See the module. The watching ends when it is dropped.
#[derive(Debug)]
pub struct Spooled {
    spool: PathBuf,
    kept: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Spooled {
    /// Watches a spool from now on.
    ///
    /// # Errors
    /// When there is no place to keep batches.
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

    /// Batches seen so far.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn batches(&self) -> Result<usize> {
        Ok(batches(self.kept.path()).context("list the kept batches")?.len())
    }

    /// Whether each of them has left the spool: it was acknowledged.
    #[must_use]
    pub fn all_left(&self) -> bool {
        batches(&self.spool).is_ok_and(|waiting| waiting.is_empty())
    }

    /// The rows of every batch that was seen.
    ///
    /// # Errors
    /// When one is no batch.
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

    /// The judge: every row of every batch that was seen is in the history, and is there once.
    ///
    /// # Errors
    /// When one is missing or doubled, or there is no answer.
    pub async fn judge(&self, api: &Api) -> Result<usize> {
        let expected = self.snapshots()?;
        let servers: std::collections::BTreeSet<&str> = expected.keys().map(|(_, server, _)| server.as_str()).collect();
        let mut found = Snapshots::new();
        for view in ViewSet::builtin().context("read the views")?.iter() {
            for server in &servers {
                let mut after = i64::MIN;
                loop {
                    // In portions: an answer has a limit.
                    const PORTION: usize = 5_000;
                    let sql = format!(
                        "select us, count(*) from (select cast(ts as bigint) as us from {} where server = '{server}') \
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
            .map(|key| format!("{key:?}: {:?} rows were spooled, {:?} are there", expected.get(key), found.get(key)))
            .collect();
        ensure!(
            differ.is_empty(),
            "{} of {} snapshots differ, the first of them {:?}",
            differ.len(),
            expected.len(),
            &differ[..differ.len().min(5)]
        );
        Ok(expected.len())
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            // It only looks; what it could not see is found missing by the judge.
            let _ = watcher.join();
        }
    }
}

fn look(spool: &Path, kept: &Path) {
    for path in batches(spool).unwrap_or_default() {
        if let Some(name) = path.file_name() {
            // It is kept already, or was shipped between the two looks.
            let _ = std::fs::hard_link(&path, kept.join(name));
        }
    }
}

fn batches(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    Ok(entries.filter(|path| path.extension().is_some_and(|extension| extension == "batch")).collect())
}
