//! The Arrow schema of a view. Batches, hot rows and Parquet files all have this schema.
//!
//! Three columns come first: `ts` (the time of the snapshot), `server` (the server's name) and `interval_ms` (the time that the counters'
//! deltas cover). If there was no earlier snapshot, `interval_ms` and the counters are null. Then follow the view's columns in the order of
//! its file.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::definition::{Type, View};

/// The time of the snapshot: microseconds, UTC.
pub const TS: &str = "ts";
/// The server's name, unique in the fleet.
pub const SERVER: &str = "server";
/// The milliseconds that the row's deltas cover.
pub const INTERVAL_MS: &str = "interval_ms";

/// The Arrow type of a column's values, from the probe to the Parquet file.
#[must_use]
pub fn data_type(r#type: Type) -> DataType {
    match r#type {
        Type::Bool => DataType::Boolean,
        Type::Int8 | Type::Duration => DataType::Int64,
        Type::Float8 => DataType::Float64,
        Type::Text => DataType::Utf8,
        Type::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// The schema of a view's rows.
#[must_use]
pub fn schema(view: &View) -> SchemaRef {
    let mut fields = vec![
        Field::new(TS, data_type(Type::Timestamptz), false),
        Field::new(SERVER, DataType::Utf8, false),
        Field::new(INTERVAL_MS, DataType::Int64, true),
    ];
    fields.extend(view.columns.iter().map(|column| Field::new(&column.name, data_type(column.r#type), true)));
    Arc::new(Schema::new(fields))
}
