//! A batch's rows, checked and brought into the tables' shapes.
//!
//! # Promise
//! What comes out can be stored, sorted, written and queried without another check: the columns of [`Shape::stored`] in their order,
//! no null `ts` or `server`, times that a calendar has, names of sane length. Columns the collector did not ship are null.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Int64Type, TimestampMicrosecondType};
use arrow::array::{Array as _, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use chrono::{DateTime, NaiveDate};
use datafusion::common::utils::memory::get_record_batch_memory_size;
use pganalytics_views::wire::{self, Header, Limits};
use pganalytics_views::{INTERVAL_MS, SERVER, TS, schema};

use crate::meta::{Progress, Sighting};
use crate::model::shape::{SERVER_AT, Shape, Shapes, TS_AT};
use crate::write::ingest::IngestError;

/// Microseconds in a day.
const DAY_US: i64 = 86_400_000_000;
/// 2000-01-01: PostgreSQL's own epoch. A time before it is a broken clock.
const EARLIEST_US: i64 = 946_684_800_000_000;
/// 2200-01-01: within what every reader of Parquet can show, in nanoseconds too.
const LATEST_US: i64 = 7_258_118_400_000_000;
/// Days that one view's rows in one batch may cover: each becomes a file. A spool holds days, not years.
const MAX_DAYS: usize = 400;
/// Bytes of a server's name: host, port, namespace and pod fit many times over.
const MAX_SERVER: usize = 512;
/// The view that tells what a server is.
const SERVER_VIEW: &str = "pganalytics_server";
/// An array without its buffers: of a view with one row a snapshot this is most of what it takes.
const COLUMN_BYTES: usize = 192;

/// What lies between: for pruning, and for the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
    pub(crate) min_server: String,
    pub(crate) max_server: String,
}

impl Extent {
    /// Of rows in a stored shape; none of no rows.
    pub(crate) fn of(rows: &RecordBatch) -> Option<Self> {
        let ts = rows.column(TS_AT).as_primitive_opt::<TimestampMicrosecondType>()?.values().iter().copied();
        let servers = rows.column(SERVER_AT).as_string_view_opt()?.iter().flatten();
        Some(Self {
            min_ts: ts.clone().min()?,
            max_ts: ts.max()?,
            min_server: servers.clone().min()?.to_owned(),
            max_server: servers.max()?.to_owned(),
        })
    }

    /// The least that holds both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            min_ts: self.min_ts.min(other.min_ts),
            max_ts: self.max_ts.max(other.max_ts),
            min_server: self.min_server.min(other.min_server),
            max_server: self.max_server.max(other.max_server),
        }
    }
}

/// One view's rows of one batch, in memory.
#[derive(Debug)]
pub(crate) struct Hot {
    /// The batch's id in the meta store; 0 until it has one.
    pub(crate) batch: i64,
    pub(crate) rows: RecordBatch,
    /// What the rows take in memory.
    pub(crate) bytes: u64,
    pub(crate) extent: Extent,
}

/// A batch, ready to be committed.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) progress: Progress,
    pub(crate) hot: Vec<(Arc<Shape>, Hot)>,
    pub(crate) sightings: Vec<Sighting>,
}

/// Decodes and checks a batch.
pub(crate) fn prepare(body: &[u8], limits: &Limits, shapes: &Shapes) -> Result<Prepared, IngestError> {
    let batch = wire::decode(body, limits)?;
    let mut hot = Vec::with_capacity(batch.frames.len());
    let mut sightings = Vec::new();
    for (view, rows) in &batch.frames {
        let shape = shapes
            .collected(view)
            .ok_or_else(|| IngestError::UnknownView { view: view.clone(), collector: batch.header.collector_name.clone() })?;
        let one = shaped(shape, rows)?;
        if view == SERVER_VIEW {
            sightings.extend(sighted(&one.rows));
        }
        hot.push((Arc::clone(shape), one));
    }
    Ok(Prepared { progress: progress(&batch.header)?, hot, sightings })
}

/// Rows the header states.
pub(crate) fn rows(header: &Header) -> u64 {
    header.frames.iter().fold(0, |sum, frame| sum.saturating_add(frame.rows))
}

/// Bytes the header states, decompressed: what the rows will take, near enough to make room for them.
pub(crate) fn bytes(header: &Header) -> u64 {
    header.frames.iter().fold(0, |sum, frame| sum.saturating_add(frame.bytes))
}

fn progress(header: &Header) -> Result<Progress, IngestError> {
    let whole = |number: u64, what: &str| {
        let problem = format!("{what} {number} is larger than any that can be");
        i64::try_from(number).map_err(|_| IngestError::Rows { view: "(header)".into(), problem })
    };
    Ok(Progress {
        id: header.collector,
        name: header.collector_name.clone(),
        version: header.version.clone(),
        sequence: whole(header.sequence, "sequence")?,
        rows: whole(rows(header), "row count")?,
        dropped_rows: whole(header.dropped_rows, "count of dropped rows")?,
        status: header.status.clone(),
        lag_ms: None,
        skew_us: None,
    })
}

/// Rows as shipped, in the stored shape.
pub(crate) fn shaped(shape: &Shape, rows: &RecordBatch) -> Result<Hot, IngestError> {
    let wrong = |problem: String| IngestError::Rows { view: shape.name().into(), problem };
    let expected = schema(&shape.view);
    let shipped = rows.schema_ref();
    for (i, field) in shipped.fields().iter().enumerate() {
        let unknown = |problem: String| IngestError::UnknownColumn { view: shape.name().into(), column: field.name().clone(), problem };
        let known = expected.field_with_name(field.name()).map_err(|_| unknown("is unknown here".into()))?;
        if known.data_type() != field.data_type() {
            return Err(unknown(format!("is {} here, and was shipped as {}", known.data_type(), field.data_type())));
        }
        if shipped.fields().iter().take(i).any(|earlier| earlier.name() == field.name()) {
            return Err(wrong(format!("column '{}' was shipped twice", field.name())));
        }
    }
    for name in [TS, SERVER, INTERVAL_MS] {
        if shipped.column_with_name(name).is_none() {
            return Err(wrong(format!("column '{name}' is missing")));
        }
    }
    let column = |at: usize| -> Result<ArrayRef, IngestError> {
        let field = shape.stored.field(at);
        let Some(column) = rows.column_by_name(field.name()) else {
            return Ok(new_null_array(field.data_type(), rows.num_rows()));
        };
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(wrong(format!("column '{}' has nulls", field.name())));
        }
        cast(column, field.data_type()).map_err(|error| wrong(error.to_string()))
    };
    let columns = (0..shape.stored.fields().len()).map(column).collect::<Result<Vec<_>, _>>()?;
    let rows = RecordBatch::try_new(Arc::clone(&shape.stored), columns).map_err(|error| wrong(error.to_string()))?;
    let extent = Extent::of(&rows).ok_or_else(|| wrong("has no rows".into()))?;
    if extent.min_ts < EARLIEST_US || extent.max_ts >= LATEST_US {
        let ts = if extent.min_ts < EARLIEST_US { extent.min_ts } else { extent.max_ts };
        return Err(wrong(format!("a snapshot's time of {ts} µs since 1970 is not between 2000 and 2200: set the collector's clock")));
    }
    let servers = rows.column(SERVER_AT).as_string_view();
    if let Some(name) = servers.iter().flatten().find(|name| name.is_empty() || name.len() > MAX_SERVER) {
        return Err(wrong(format!("a server's name of {} bytes; give it 1 to {MAX_SERVER}", name.len())));
    }
    if days(&rows).len() > MAX_DAYS {
        return Err(wrong(format!("rows of more than {MAX_DAYS} days in one batch")));
    }
    Ok(Hot { batch: 0, bytes: memory(&rows), rows, extent })
}

/// What rows take in memory: buffers, each once however many columns share it, and what holds them together.
fn memory(rows: &RecordBatch) -> u64 {
    (get_record_batch_memory_size(rows) + rows.num_columns() * COLUMN_BYTES) as u64
}

/// The days, since 1970, that rows belong to.
pub(crate) fn days(rows: &RecordBatch) -> BTreeSet<i64> {
    let mut days = BTreeSet::new();
    let mut last = None;
    for ts in rows.column(TS_AT).as_primitive::<TimestampMicrosecondType>().values() {
        let day = day(*ts);
        if last.replace(day) != Some(day) {
            days.insert(day);
        }
    }
    days
}

/// The day, since 1970, of a moment.
pub(crate) fn day(ts: i64) -> i64 {
    ts.div_euclid(DAY_US)
}

/// The first and the last microsecond of a day.
pub(crate) fn span(day: i64) -> (i64, i64) {
    (day * DAY_US, (day + 1) * DAY_US - 1)
}

/// A day as a date. Days come from checked times, so every one is a date.
pub(crate) fn date(day: i64) -> NaiveDate {
    DateTime::from_timestamp_micros(day.saturating_mul(DAY_US)).unwrap_or_default().date_naive()
}

/// What the rows of `pganalytics_server` say: the last of each server. Columns a definition lacks, or has in another type, stay unknown.
fn sighted(rows: &RecordBatch) -> Vec<Sighting> {
    let int = |name: &str, i: usize| {
        let column = rows.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
        column.is_valid(i).then(|| column.value(i))
    };
    let bool = |name: &str, i: usize| {
        let column = rows.column_by_name(name)?.as_boolean_opt()?;
        column.is_valid(i).then(|| column.value(i))
    };
    let text = |name: &str, i: usize| {
        let column = rows.column_by_name(name)?.as_string_view_opt()?;
        column.is_valid(i).then(|| column.value(i).to_owned())
    };
    let moment = |name: &str, i: usize| {
        let column = rows.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?;
        column.is_valid(i).then(|| column.value(i))
    };
    let mut last: BTreeMap<String, Sighting> = BTreeMap::new();
    for i in 0..rows.num_rows() {
        let (Some(name), Some(ts)) = (text(SERVER, i), moment(TS, i)) else { continue };
        let sighting = Sighting {
            ts,
            up: bool("up", i),
            in_recovery: bool("in_recovery", i),
            version_num: int("version_num", i),
            version: text("version", i),
            system_identifier: text("system_identifier", i),
            host: text("host", i),
            port: int("port", i),
            postmaster_start_time: moment("postmaster_start_time", i),
            error: text("error", i),
            collector: text("collector", i),
            name: name.clone(),
        };
        let newest = match last.remove(&name) {
            Some(known) if known.ts > ts => known.over(sighting),
            Some(known) => sighting.over(known),
            None => sighting,
        };
        last.insert(name, newest);
    }
    last.into_values().collect()
}
