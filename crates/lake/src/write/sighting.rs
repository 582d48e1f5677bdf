//! Reads the state of the servers from a batch.

use std::collections::BTreeMap;

use arrow::array::cast::AsArray as _;
use arrow::array::types::{Int64Type, TimestampMicrosecondType};
use arrow::array::{Array as _, RecordBatch};
use pganalytics_views::{SERVER, TS};

use crate::meta::Sighting;

/// The view with the state of each server.
pub(crate) const SERVER_VIEW: &str = "pganalytics_server";

/// Reads rows of `pganalytics_server`: the newest values of each server. A column that the definition lacks, or has with another type,
/// stays unknown.
pub(crate) fn sighted(rows: &RecordBatch) -> Vec<Sighting> {
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
