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
use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;
use anyhow::Context as _;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{SortOptions, interleave_record_batch};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use chrono::{DateTime, NaiveDate, Utc};

use crate::catalog::files::{LiveFile, path};
use crate::decode::shaped::Extent;
use crate::model::shape::Shape;
use crate::store::Store;

/// Level 3 is where zstd's ratio stops paying for its time: 110 M samples a second were written with it.
const ZSTD_LEVEL: i32 = 3;
/// Rows in a page: one statement's whole day is 1,440 rows, and reading it took 2.1 ms with pages of this size.
const PAGE_ROWS: usize = 4_096;
/// Rows in a row group, the unit that cores share a file by, and that a merge holds of each of its files: a server's day of 1.1 M rows then feeds
/// eight cores, and a merge stays within tens of megabytes.
const GROUP_ROWS: usize = 128 << 10;
/// The order of values within each column of the sort.
pub(crate) const ASCENDING: SortOptions = SortOptions { descending: false, nulls_first: true };

/// The properties of a table's files.
pub(crate) fn properties(shape: &Shape) -> anyhow::Result<WriterProperties> {
    let order = shape.order.iter().map(|at| {
        let column_idx = i32::try_from(*at).context("a table of more columns than Parquet has")?;
        Ok(SortingColumn { column_idx, descending: ASCENDING.descending, nulls_first: ASCENDING.nulls_first })
    });
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("pganalytics {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(order.collect::<anyhow::Result<_>>()?))
        .set_key_value_metadata(Some(vec![KeyValue::new("pganalytics.view".into(), shape.name().to_owned())]));
    for field in shape.stored.fields() {
        let column = ColumnPath::from(field.name().as_str());
        let encoding = match field.data_type() {
            DataType::Int64 | DataType::Timestamp(..) => Some(Encoding::DELTA_BINARY_PACKED),
            DataType::Float64 => Some(Encoding::BYTE_STREAM_SPLIT),
            _ => None,
        };
        properties = properties.set_column_dictionary_enabled(column.clone(), encoding.is_none());
        if let Some(encoding) = encoding {
            properties = properties.set_column_encoding(column, encoding);
        }
    }
    Ok(properties.build())
}

/// Rows of some batches in the order of a file. Only their keys are copied; the rows themselves a piece at a time.
pub(crate) struct Sorted<'a> {
    batches: Vec<&'a RecordBatch>,
    /// Batch and row.
    order: Vec<(usize, usize)>,
}

impl<'a> Sorted<'a> {
    pub(crate) fn of(shape: &Shape, batches: &'a [RecordBatch]) -> anyhow::Result<Self> {
        let fields = shape.order.iter().map(|at| SortField::new_with_options(shape.stored.field(*at).data_type().clone(), ASCENDING));
        let converter = RowConverter::new(fields.collect())?;
        let mut keys = converter.empty_rows(0, 0);
        let mut places = Vec::new();
        for (at, batch) in batches.iter().enumerate() {
            let columns: Vec<ArrayRef> = shape.order.iter().map(|at| Arc::clone(batch.column(*at))).collect();
            converter.append(&mut keys, &columns)?;
            places.extend((0..batch.num_rows()).map(|row| (at, row)));
        }
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by(|a, b| keys.row(*a).cmp(&keys.row(*b)));
        Ok(Self { batches: batches.iter().collect(), order: order.into_iter().map(|at| places[at]).collect() })
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = anyhow::Result<RecordBatch>> {
        self.order.chunks(PAGE_ROWS).map(|piece| Ok(interleave_record_batch(&self.batches, piece)?))
    }
}

/// A file that is being written. Dropped before [`Draft::finish`], it is removed.
pub(crate) struct Draft {
    writer: Option<ArrowWriter<Summed<BufWriter<File>>>>,
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
        let file = File::create(&unfinished).with_context(|| format!("create {}", unfinished.display()))?;
        let options = ArrowWriterOptions::new().with_properties(properties(shape)?).with_skip_arrow_metadata(true);
        let sink = Summed { sink: BufWriter::new(file), hasher: crc32fast::Hasher::new(), bytes: 0 };
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

    /// The file's rows are in the rollups too. See [`LiveFile::rolled_up`].
    pub(crate) fn rolled_up(mut self) -> Self {
        self.rolled_up = true;
        self
    }

    /// Adds rows, which follow the ones before in the file's order.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> anyhow::Result<()> {
        let Some(extent) = Extent::of(rows) else { return Ok(()) };
        let writer = self.writer.as_mut().context("the file is finished")?;
        writer.write(rows).with_context(|| format!("write {}", self.unfinished.display()))?;
        self.rows += rows.num_rows() as u64;
        self.extent = Some(match self.extent.take() {
            Some(before) => before.and(extent),
            None => extent,
        });
        Ok(())
    }

    /// Makes the file durable under its name. Blocks, so it is called from a thread that may.
    pub(crate) fn finish(mut self, created: DateTime<Utc>) -> anyhow::Result<LiveFile> {
        let writer = self.writer.take().context("the file is finished")?;
        let written = || format!("write {}", self.unfinished.display());
        let mut sink = writer.into_inner().with_context(written)?;
        sink.flush().with_context(written)?;
        let file = sink.sink.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(written)?;
        file.sync_all().with_context(|| format!("sync {}", self.unfinished.display()))?;
        let extent = self.extent.take().with_context(|| format!("no rows for {}", self.target))?;
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
        // After `finish` there is nothing of this name.
        let _ = std::fs::remove_file(&self.unfinished);
    }
}

/// Counts and sums what passes.
struct Summed<W> {
    sink: W,
    hasher: crc32fast::Hasher,
    bytes: u64,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}
