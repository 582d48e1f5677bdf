//! How history is written: one sorted Parquet file, and how it becomes durable.
//!
//! # Promise
//! The file has its final name only once all of it is on disk, and its name is on disk when [`Draft::finish`] returns.
//!
//! # Format
//! Rows sorted by (server, labels…, ts), nulls first, and the footer says so. Zstd 3. Integers, durations (nanoseconds) and times as
//! `DELTA_BINARY_PACKED`, floats as `BYTE_STREAM_SPLIT`, texts by dictionary. Pages of 4,096 rows with statistics and a page index, so
//! that one statement's day is read without the others'. No Arrow schema in the metadata: any reader sees plain Parquet types.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use anyhow::Context as _;
use arrow::array::RecordBatch;
use chrono::{DateTime, NaiveDate, Utc};

use super::checksum::ChecksumWriter;
use super::properties::properties;
use crate::model::{Extent, LiveFile, Shape, path};
use crate::store::Store;

/// A file that is being written. Dropping it before [`Draft::finish`] removes the file.
pub(crate) struct Draft {
    writer: Option<ArrowWriter<ChecksumWriter<BufWriter<File>>>>,
    store: Store,
    unfinished: PathBuf,
    target: String,
    rows: u64,
    extent: Option<Extent>,
    id: i64,
    view: String,
    date: NaiveDate,
    rolled_up: bool,
}

impl Draft {
    /// Starts a file of a table and a day.
    pub(crate) fn create(store: &Store, shape: &Shape, date: NaiveDate, id: i64) -> anyhow::Result<Self> {
        let target = path(shape.name(), date, id);
        let unfinished = store.unfinished(&target)?;
        let file = File::create(&unfinished).with_context(|| format!("cannot create {}", unfinished.display()))?;
        let options = ArrowWriterOptions::new().with_properties(properties(shape)?).with_skip_arrow_metadata(true);
        let sink = ChecksumWriter { sink: BufWriter::new(file), hasher: crc32fast::Hasher::new(), bytes: 0 };
        let writer = ArrowWriter::try_new_with_options(sink, Arc::clone(&shape.stored), options)?;
        Ok(Self {
            writer: Some(writer),
            store: store.clone(),
            unfinished,
            target,
            rows: 0,
            extent: None,
            id,
            view: shape.name().into(),
            date,
            rolled_up: false,
        })
    }

    /// Marks the file: its rows are in the rollups too. See [`LiveFile::rolled_up`].
    pub(crate) fn rolled_up(mut self) -> Self {
        self.rolled_up = true;
        self
    }

    /// Appends rows. They must follow the earlier rows in the file's order.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> anyhow::Result<()> {
        let Some(extent) = Extent::of(rows) else { return Ok(()) };
        let writer = self.writer.as_mut().context("the file is already finished")?;
        writer.write(rows).with_context(|| format!("cannot write {}", self.unfinished.display()))?;
        self.rows += rows.num_rows() as u64;
        self.extent = Some(match self.extent.take() {
            Some(before) => before.and(extent),
            None => extent,
        });
        Ok(())
    }

    /// Makes the file durable under its name. Blocks: call it only on a thread that may block.
    pub(crate) fn finish(mut self, created: DateTime<Utc>) -> anyhow::Result<LiveFile> {
        let writer = self.writer.take().context("the file is already finished")?;
        let written = || format!("write {}", self.unfinished.display());
        let mut sink = writer.into_inner().with_context(written)?;
        sink.flush().with_context(written)?;
        let file = sink.sink.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(written)?;
        file.sync_all().with_context(|| format!("cannot sync {}", self.unfinished.display()))?;
        let extent = self.extent.take().with_context(|| format!("no rows were written to {}", self.target))?;
        self.store.publish(&self.unfinished, &self.target)?;
        Ok(LiveFile {
            id: self.id,
            view: std::mem::take(&mut self.view),
            date: self.date,
            rows: self.rows,
            bytes: sink.bytes,
            crc32: sink.hasher.finalize(),
            extent,
            created,
            rolled_up: self.rolled_up,
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `finish` no file has this name any more.
        let _ = std::fs::remove_file(&self.unfinished);
    }
}
