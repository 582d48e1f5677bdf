//! Compaction: writes hot rows to Parquet files, and merges small files into larger ones.
//!
//! # Promise
//! Files are complete and durable before one transaction makes them live and removes the batches and files that they replace. A crash at
//! any moment leaves either the old or the new state, and orphans, which the next start removes. A query that began before the transaction
//! continues with the old state.
//!
//! # How
//! The rows of all hot batches up to an id are split by table and by the date of `ts`, sorted, and written. Files are merged in a separate
//! task, so that hot rows never wait in memory for a long merge. Files of one table and day are merged by size: when [`super::due::FAN_IN`]
//! files have row counts within the same power of [`super::due::FAN_IN`], they become one file. So a row is rewritten only a few times a
//! day, however small the batches are. When the day is over, its files become one. A merge is a stream: its memory is a row group and a few
//! batches of each input.
//!
//! New files wait until a day has [`super::due::FAN_IN`] of them or the oldest is [`super::due::SETTLE`] old. Their merge creates the
//! rollups: the rows are summed into one file of each rollup (see [`crate::rollup`]), and one transaction makes all these files live and
//! retires the new files. So each row is in the rollups exactly once, however late it arrives and whenever a crash happens. Rows that are
//! not in the rollups yet are in new files or hot; a query sums these itself. Files of a rollup are merged like other files, and their rows
//! with equal keys are combined.
//!
//! Columns that this backend does not know are written into files too, beside the known ones. Merging leaves such files alone, and rows of unknown
//! views are set aside ([`crate::catalog::set_aside`]), so that a backend that knows more finds everything.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use arrow::array::{BooleanArray, RecordBatch, cast::AsArray as _, types::TimestampMicrosecondType};
use arrow::compute::filter_record_batch;
use arrow::datatypes::FieldRef;
use chrono::{DateTime, Utc};
use pganalytics_views::wire::{self, Header, Limits};
use tokio::time::Instant;
use uuid::Uuid;

use super::compactor::{Compacted, Compactor};
use crate::catalog::Fence;
use crate::catalog::set_aside::SetAside;
use crate::model::day::{date, days, span};
use crate::model::{Change, Compaction, Hot, LiveFile, Shape, TS_AT};
use crate::parquet::{Draft, Sorted};
use crate::present::{LOOK, Snapshot};

/// The least time between taking the snapshot of hot rows and committing their files, so that each replica has seen the rows as hot rows.
/// The fleet's newest rows are read from new batches only, and replicas look for new batches every [`LOOK`].
const SEEN: Duration = LOOK.saturating_mul(3);

impl Compactor {
    /// Writes hot rows to files.
    pub(crate) async fn write(&self, fence: Fence, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        let _turn = self.writing.lock().await;
        // Learns the changes of the previous holder of the lease before any work starts.
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
            for (shape, rows) in by_columns(shape, &rows) {
                match self.write_table(&shape, rows, now).await {
                    Ok(files) => written.extend(files),
                    Err(error) => {
                        self.discard(&written).await;
                        return Err(error);
                    }
                }
            }
        }
        let set_aside = match self.set_aside(&snapshot).await {
            Ok(set_aside) => set_aside,
            Err(error) => {
                self.discard(&written).await;
                return Err(error);
            }
        };
        if self.meta.database().is_shared() {
            tokio::time::sleep_until(began + SEEN).await;
        }
        let has_unknown = snapshot.values().flat_map(|contents| contents.hot.iter()).any(|hot| hot.unknown.is_some());
        self.met_unknown.store(has_unknown || !set_aside.is_empty(), Ordering::Relaxed);
        let compacted = Compacted { up_to, batches: batches.len() as u64, set_aside };
        let version = self.commit(fence, &written, &[], Some(&compacted)).await?;
        let done = Compaction {
            batches: batches.len() as u64,
            rows: written.iter().map(|file| file.rows).sum(),
            files: written.len() as u64,
            bytes: written.iter().map(|file| file.bytes).sum(),
            merged: 0,
        };
        self.follower.publish(version, Change { compacted: Some(up_to), added: written, ..Change::default() }).await?;
        // This may be the last reference to the rows. Freeing a million buffers here would block other tasks of this thread.
        tokio::task::spawn_blocking(move || drop(snapshot));
        Ok(done)
    }

    /// Writes the hot rows of a table, one file per day, on a thread of its own.
    async fn write_table(&self, shape: &Arc<Shape>, hot: Vec<Arc<Hot>>, now: DateTime<Utc>) -> anyhow::Result<Vec<LiveFile>> {
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
        self.threads.handle().spawn_blocking(write).await.context("cannot write hot rows")?
    }

    /// The hot rows of views that are unknown here, as batches of one view each.
    async fn set_aside(&self, snapshot: &Snapshot) -> anyhow::Result<Vec<SetAside>> {
        let unknown = snapshot.iter().filter(|(view, _)| self.shapes.get(view).is_none());
        let unknown: Vec<_> = unknown.flat_map(|(view, contents)| contents.hot.iter().map(|hot| (view.clone(), Arc::clone(hot)))).collect();
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let encode = move || unknown.iter().map(|(view, hot)| batch_of(view, hot)).collect();
        self.threads.handle().spawn_blocking(encode).await.context("set rows of unknown views aside")?
    }
}

/// The rows of an unknown view as a batch of their own. Its receipt is the time of its newest row, which no later check changes.
fn batch_of(view: &str, hot: &Hot) -> anyhow::Result<SetAside> {
    let header = Header {
        collector: Uuid::nil(),
        collector_name: "set aside".into(),
        sequence: 0,
        created_us: hot.extent.max_ts,
        version: env!("CARGO_PKG_VERSION").into(),
        dropped_rows: 0,
        status: None,
        frames: Vec::new(),
    };
    let body = wire::encode(header, &[(view.to_owned(), hot.rows.clone())], &Limits::default());
    let body = body.with_context(|| format!("set rows of the unknown view {view} aside"))?.into();
    Ok(SetAside { view: view.to_owned(), received_us: hot.extent.max_ts, rows: hot.rows.num_rows() as u64, body })
}

/// Divides hot rows by the unknown columns that they have, because the rows of a file have the same columns.
fn by_columns(shape: &Arc<Shape>, hot: &[Arc<Hot>]) -> Vec<(Arc<Shape>, Vec<Arc<Hot>>)> {
    let mut groups: Vec<(Vec<FieldRef>, Vec<Arc<Hot>>)> = Vec::new();
    for hot in hot {
        match groups.iter_mut().find(|(columns, _)| columns == hot.unknown_fields()) {
            Some((_, group)) => group.push(Arc::clone(hot)),
            None => groups.push((hot.unknown_fields().to_vec(), vec![Arc::clone(hot)])),
        }
    }
    let shape = |columns: &[FieldRef]| if columns.is_empty() { Arc::clone(shape) } else { Arc::new(shape.with(columns)) };
    groups.into_iter().map(|(columns, group)| (shape(&columns), group)).collect()
}

fn of_day(hot: &Hot, day: i64) -> anyhow::Result<Option<RecordBatch>> {
    let (first, last) = span(day);
    if hot.extent.max_ts < first || last < hot.extent.min_ts {
        return Ok(None);
    }
    if first <= hot.extent.min_ts && hot.extent.max_ts <= last {
        return Ok(Some(hot.whole()?));
    }
    let ts = hot.rows.column(TS_AT).as_primitive::<TimestampMicrosecondType>();
    let of_day: BooleanArray = ts.values().iter().map(|ts| Some((first..=last).contains(ts))).collect();
    Ok(Some(filter_record_batch(&hot.whole()?, &of_day)?).filter(|rows| rows.num_rows() > 0))
}
