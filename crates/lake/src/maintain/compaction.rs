//! Compaction: hot rows become Parquet, and small files become larger ones.
//!
//! # Promise
//! Files are complete and durable before one transaction makes them live and removes what they replace; a crash at any moment leaves
//! either the old or the new, and orphans that the next start removes. A query that began before goes on with the old.
//!
//! # How
//! All hot batches up to an id are cut by table and by the date of `ts`, sorted, and written. Beside that, so that rows never wait in
//! memory for a long merge, files of one table and day are merged by size: as soon as [`FAN_IN`] files are within the same power of [`FAN_IN`] in rows, they become one, so a row is rewritten a
//! few times a day however small the batches are. When the day is over, its files become one. The merge streams: its
//! memory is a row group and a few batches of each input.
//!
//! New files gather until there are [`FAN_IN`] of a day or the first is [`SETTLE`] old. Their merge is where rollups are made: as the rows
//! pass, they are summed into a file of each rollup (see [`crate::rollup::binning`]), and the same transaction makes all of them live and retires
//! the new ones. So a row is in the rollups exactly once, however late it came and wherever a crash fell; what is not in them yet
//! is what lies in new files and hot rows, which a query sums itself. Files of a rollup are merged like others, and equal keys with them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use arrow::array::{BooleanArray, RecordBatch, cast::AsArray as _, types::TimestampMicrosecondType};
use arrow::compute::filter_record_batch;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::StreamExt as _;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::catalog::files::{self as catalog, LiveFile};
use crate::catalog::lease::Fence;
use crate::decode::shaped::{Hot, date, days, span};
use crate::meta::database::statement;
use crate::meta::{Meta, explain};
use crate::model::shape::{Shape, Shapes};
use crate::model::stats::Compaction;
use crate::parquet::draft::{Draft, Sorted};
use crate::parquet::reader::{Blame, Files};
use crate::present::follow::{Follower, LOOK, next_version};
use crate::present::snapshot::{Change, Present};
use crate::rollup::binning::{Binning, Combiner};
use crate::store::Store;
use crate::threads::Threads;

/// Files of like size that become one.
const FAN_IN: usize = 8;
/// Files in one merge at most: each is open with a row group as it is stored and two batches of its rows in memory.
const MERGE_AT_ONCE: usize = FAN_IN;
/// A day is left alone this long after its end, and a new file this long after its creation, for late batches to gather.
const SETTLE: TimeDelta = TimeDelta::hours(1);

/// From the moment that rows are seen until they are in files, at least: by then each replica has seen them too. The fleet's newest rows are noted
/// of batches as they come, and replicas look for those every [`LOOK`].
const SEEN: Duration = LOOK.saturating_mul(3);

/// Does the work: one writer of hot rows and one merge at a time.
#[derive(Debug)]
pub(crate) struct Compactor {
    pub(crate) store: Store,
    pub(crate) meta: Meta,
    pub(crate) follower: Arc<Follower>,
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) present: Arc<Present>,
    pub(crate) files: Files,
    /// The last id given to a file, where the store is this process's own. Ids are not used again within a process, and after a crash only
    /// once the orphans are gone; a shared store counts them itself.
    pub(crate) last_id: AtomicI64,
    /// Where all of it is computed.
    pub(crate) threads: Threads,
    /// Held by whoever writes hot rows.
    pub(crate) writing: Mutex<()>,
    /// Held by whoever takes files out of the history: a merge, retention.
    pub(crate) tending: Mutex<()>,
}

impl Compactor {
    /// Hot rows to files.
    pub(crate) async fn write(&self, fence: Fence, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        let _turn = self.writing.lock().await;
        // What the holder before has done is known before anything is begun.
        self.follower.refresh().await?;
        let began = Instant::now();
        let snapshot = self.present.snapshot();
        let hot = |view: &str| snapshot.get(view).map(|contents| Arc::clone(&contents.hot)).unwrap_or_default();
        let Some(up_to) = snapshot.values().flat_map(|contents| contents.hot.last()).map(|hot| hot.batch).max() else {
            return Ok(Compaction::default());
        };
        let batches: HashSet<i64> = snapshot.values().flat_map(|contents| contents.hot.iter().map(|hot| hot.batch)).collect();
        let mut written = Vec::new();
        for shape in self.shapes.iter() {
            let rows = hot(shape.name());
            if rows.is_empty() {
                continue;
            }
            match self.write_table(shape, rows, now).await {
                Ok(files) => written.extend(files),
                Err(error) => {
                    self.discard(&written).await;
                    return Err(error);
                }
            }
        }
        if self.meta.database().is_shared() {
            tokio::time::sleep_until(began + SEEN).await;
        }
        let compacted = Compacted { up_to, batches: batches.len() as u64 };
        let version = self.commit(fence, &written, &[], Some(compacted), now).await?;
        let done = Compaction {
            batches: batches.len() as u64,
            rows: written.iter().map(|file| file.rows).sum(),
            files: written.len() as u64,
            bytes: written.iter().map(|file| file.bytes).sum(),
            merged: 0,
        };
        self.follower.publish(version, Change { compacted: Some(up_to), added: written, ..Change::default() }).await?;
        // The rows' last holder: giving back a million buffers would keep this thread's other tasks waiting.
        tokio::task::spawn_blocking(move || drop(snapshot));
        Ok(done)
    }

    /// One file a day of a table's hot rows, on a thread of its own.
    async fn write_table(&self, shape: &Arc<Shape>, hot: Arc<Vec<Arc<Hot>>>, now: DateTime<Utc>) -> anyhow::Result<Vec<LiveFile>> {
        let (store, shape) = (self.store.clone(), Arc::clone(shape));
        let mut ids = BTreeMap::new();
        for day in hot.iter().flat_map(|hot| days(&hot.rows)) {
            if let std::collections::btree_map::Entry::Vacant(entry) = ids.entry(day) {
                entry.insert(self.next_id().await?);
            }
        }
        let write = move || {
            let mut files = Vec::new();
            for (day, id) in ids {
                let rows: Vec<RecordBatch> = hot.iter().filter_map(|hot| of_day(hot, day).transpose()).collect::<anyhow::Result<_>>()?;
                let mut draft = Draft::create(&store, &shape, date(day), id)?;
                for sorted in Sorted::of(&shape, &rows)?.pieces() {
                    draft.write(&sorted?)?;
                }
                files.push(draft.finish(now)?);
            }
            Ok(files)
        };
        self.threads.handle().spawn_blocking(write).await.context("write hot rows")?
    }

    /// Small files to larger ones.
    pub(crate) async fn merge(&self, fence: Fence, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        let _turn = self.tending.lock().await;
        self.follower.refresh().await?;
        let mut done = Compaction::default();
        // A view before its rollups, whose names come after its own: what it adds to them is merged in the same turn.
        for shape in self.shapes.iter() {
            loop {
                let files = self.present.contents(shape.name()).files;
                let Some(inputs) = due(&files, now) else { break };
                let merged = self.merge_files(shape, &inputs, now).await.with_context(|| {
                    let paths: Vec<_> = inputs.iter().map(|file| file.path()).collect();
                    format!("merge {}", paths.join(", "))
                })?;
                done.files += merged.len() as u64;
                done.bytes += merged.iter().map(|file| file.bytes).sum::<u64>();
                done.merged += inputs.len() as u64;
                let version = self.commit(fence, &merged, &inputs, None, now).await?;
                let retired = inputs.iter().map(|file| file.id).collect();
                self.follower.publish(version, Change { added: merged, retired, ..Change::default() }).await?;
            }
        }
        Ok(done)
    }

    /// One file of several, streamed in their order; of new files, a file of each rollup beside.
    async fn merge_files(&self, shape: &Arc<Shape>, inputs: &[Arc<LiveFile>], now: DateTime<Utc>) -> anyhow::Result<Vec<LiveFile>> {
        let day = inputs.first().context("nothing to merge")?.date;
        let expected: u64 = inputs.iter().map(|file| file.rows).sum();
        let are_new = inputs.iter().all(|file| !file.rolled_up);
        let mut rows = {
            // Reading begins here already, on the threads of whoever begins it.
            let _here = self.threads.handle().enter();
            self.files.merged(shape, inputs)?
        };
        let own = match &shape.view.rollup {
            Some(origin) => {
                let raw = self.shapes.get(&origin.view.name).with_context(|| format!("{} without its table", shape.name()))?;
                Some(Combiner::new(Arc::new(Binning::new(shape, raw)?)))
            }
            None => None,
        };
        let mut outputs = vec![(self.next_id().await?, Arc::clone(shape), own)];
        let mut binnings = Vec::new();
        for (rollup, _) in self.shapes.rollups(shape.name()).filter(|_| are_new) {
            let binning = Arc::new(Binning::new(rollup, shape)?);
            outputs.push((self.next_id().await?, Arc::clone(rollup), Some(Combiner::new(Arc::clone(&binning)))));
            binnings.push(binning);
        }
        let store = self.store.clone();
        let runtime = self.threads.handle().clone();
        let write = move || {
            let mut read = 0;
            let mut drafts = Vec::new();
            for (id, shape, combiner) in outputs {
                drafts.push((Draft::create(&store, &shape, day, id)?.rolled_up(), combiner));
            }
            while let Some(batch) = runtime.block_on(rows.next()) {
                let batch = batch?;
                read += batch.num_rows() as u64;
                for (at, (draft, combiner)) in drafts.iter_mut().enumerate() {
                    // The first is the table's own; those after it are its rollups.
                    let partials = match at.checked_sub(1).and_then(|at| binnings.get(at)) {
                        Some(binning) => &binning.partials(&batch)?,
                        None => &batch,
                    };
                    match combiner {
                        Some(combiner) => draft.write(&combiner.push(partials)?)?,
                        None => draft.write(partials)?,
                    }
                }
            }
            let mut files = Vec::new();
            for (mut draft, combiner) in drafts {
                if let Some(last) = combiner.and_then(|mut combiner| combiner.finish()) {
                    draft.write(&last)?;
                }
                files.push(draft.finish(now)?);
            }
            anyhow::Ok((read, files))
        };
        let merged = self.threads.handle().spawn_blocking(write).await.context("merge files")?;
        let (read, merged) = match merged {
            Ok(merged) => merged,
            Err(error) => {
                return Err(match self.files.blame(error.as_ref(), inputs).await {
                    Some(Blame::Damaged { file, remedy }) => error.context(format!("{file}: {remedy}")),
                    Some(Blame::Away(_)) | None => error,
                });
            }
        };
        if read != expected {
            self.discard(&merged).await;
            anyhow::bail!("{read} rows were read, {expected} are in the catalog; the inputs are kept");
        }
        Ok(merged)
    }

    /// The one transaction in which the history changes its form; its version. Where it failed, the files that were added are deleted; but where
    /// only the answer to the commit is missing, they may be the history by now, and stay: they are live, or orphans.
    async fn commit(
        &self,
        fence: Fence,
        added: &[LiveFile],
        retired: &[Arc<LiveFile>],
        compacted: Option<Compacted>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<i64> {
        let begun = async {
            let mut transaction = self.meta.database().begin().await.map_err(explain)?;
            let version = next_version(&mut transaction).await.map_err(explain)?;
            fence.check(&mut transaction).await?;
            for file in added {
                catalog::register(&mut transaction, file, version).await.map_err(explain)?;
            }
            for file in retired {
                let was_live = catalog::retire(&mut transaction, file.id, now, version).await.map_err(explain)?;
                anyhow::ensure!(was_live, "{} has left the history meanwhile; it is left as it is now", file.path());
            }
            if let Some(Compacted { up_to, batches }) = compacted {
                let delete = statement("delete from batches where id <= $1").bind(up_to);
                let deleted = transaction.execute(delete).await.map_err(explain)?;
                anyhow::ensure!(deleted == batches, "{deleted} batches wait up to {up_to}, {batches} were written; they are kept");
                let note = statement("update history set compacted = $1").bind(up_to);
                transaction.execute(note).await.map_err(explain)?;
            }
            anyhow::Ok((transaction, version))
        };
        let context = "change the catalog of files";
        let (transaction, version) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                self.discard(added).await;
                return Err(error).context(context);
            }
        };
        if let Err(error) = transaction.commit().await {
            // A file's own database says what it did; another process may have committed and died, or its answer is lost.
            if !self.meta.database().is_shared() && matches!(error, sqlx::Error::Database(_)) {
                self.discard(added).await;
            }
            return Err(explain(error)).context(context);
        }
        Ok(version)
    }

    /// Removes files that will not be live after all; what is left is removed as an orphan.
    async fn discard(&self, files: &[LiveFile]) {
        for file in files {
            if let Err(error) = self.store.delete(&file.path()).await {
                tracing::debug!(error = format!("{error:#}"), "leave an orphan");
            }
        }
    }

    async fn next_id(&self) -> anyhow::Result<i64> {
        match self.meta.database().is_shared() {
            true => catalog::shared_id(&self.meta).await,
            false => Ok(self.last_id.fetch_add(1, Ordering::Relaxed) + 1),
        }
    }
}

/// The hot batches that new files hold.
#[derive(Debug, Clone, Copy)]
struct Compacted {
    up_to: i64,
    /// How many they are.
    batches: u64,
}

fn of_day(hot: &Hot, day: i64) -> anyhow::Result<Option<RecordBatch>> {
    let (first, last) = span(day);
    if hot.extent.max_ts < first || last < hot.extent.min_ts {
        return Ok(None);
    }
    if first <= hot.extent.min_ts && hot.extent.max_ts <= last {
        return Ok(Some(hot.rows.clone()));
    }
    let ts = hot.rows.column(crate::model::shape::TS_AT).as_primitive::<TimestampMicrosecondType>();
    let of_day: BooleanArray = ts.values().iter().map(|ts| Some((first..=last).contains(ts))).collect();
    Ok(Some(filter_record_batch(&hot.rows, &of_day)?).filter(|rows| rows.num_rows() > 0))
}

/// The next files to merge, all of one day: new ones, once enough have gathered or the first has waited; else all of a past day's; else
/// those of like size.
fn due(files: &[Arc<LiveFile>], now: DateTime<Utc>) -> Option<Vec<Arc<LiveFile>>> {
    let mut by_day: BTreeMap<NaiveDate, Vec<&Arc<LiveFile>>> = BTreeMap::new();
    for file in files {
        by_day.entry(file.date).or_default().push(file);
    }
    for (day, mut files) in by_day {
        files.sort_by_key(|file| (file.rows, file.id));
        let (rolled, new): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.rolled_up);
        if new.len() >= FAN_IN || new.iter().any(|file| file.created <= now - SETTLE) {
            return Some(new.into_iter().take(MERGE_AT_ONCE).cloned().collect());
        }
        let over = day < (now - SETTLE).date_naive();
        if over && rolled.len() > 1 && (new.is_empty() || rolled.len() > FAN_IN) {
            return Some(rolled.into_iter().take(MERGE_AT_ONCE).cloned().collect());
        }
        let mut tiers: BTreeMap<u32, Vec<&Arc<LiveFile>>> = BTreeMap::new();
        for file in rolled {
            tiers.entry(file.rows.max(1).ilog(FAN_IN as u64)).or_default().push(file);
        }
        if let Some(tier) = tiers.into_values().find(|tier| tier.len() >= FAN_IN) {
            return Some(tier.into_iter().take(MERGE_AT_ONCE).cloned().collect());
        }
    }
    None
}
