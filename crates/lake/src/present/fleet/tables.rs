//! The fleet's tables, built from the servers' states for each query.

use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::SchemaRef;

use super::databases::Database;
use super::newest::Fleet;
use super::state::Minute;

/// The table of the newest states. The other table holds the minutes.
pub(crate) const FLEET: &str = "pganalytics_fleet";

impl Fleet {
    /// The rows of `pganalytics_fleet`.
    pub(crate) fn newest(&self, schema: &SchemaRef) -> anyhow::Result<RecordBatch> {
        let states = || self.servers().iter();
        let known = |pick: fn(&Database) -> Option<i64>, all: fn(i64, i64) -> i64| -> ArrayRef {
            Arc::new(states().map(|(_, state)| state.databases.iter().filter_map(pick).reduce(all)).collect::<Int64Array>())
        };
        let databases = states().map(|(_, state)| i64::try_from(state.databases.len()).ok());
        let columns: [(&str, ArrayRef); 7] = [
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(states().map(|(_, state)| state.newest)).with_timezone("UTC"))),
            ("server", Arc::new(StringViewArray::from_iter_values(states().map(|(name, _)| name)))),
            ("up", Arc::new(states().map(|(_, state)| state.up.map(|(_, up)| up)).collect::<BooleanArray>())),
            ("databases", Arc::new(databases.collect::<Int64Array>())),
            ("size", known(|database| database.size, i64::saturating_add)),
            ("age", known(|database| database.age, i64::max)),
            ("conflict", Arc::new(states().map(|(_, state)| state.clusters.conflict()).collect::<StringViewArray>())),
        ];
        batch(schema, self.servers().len(), &columns)
    }

    /// The rows of `pganalytics_fleet_minutes`.
    pub(crate) fn minutes(&self, schema: &SchemaRef) -> anyhow::Result<RecordBatch> {
        let minutes = || self.servers().iter().flat_map(|(name, state)| state.minutes.iter().map(move |minute| (name, minute)));
        let number =
            |pick: fn(&Minute) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(minutes().map(|(_, minute)| pick(minute)))) };
        let columns: [(&str, ArrayRef); 8] = [
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(minutes().map(|(_, minute)| minute.start)).with_timezone("UTC"))),
            ("server", Arc::new(StringViewArray::from_iter_values(minutes().map(|(name, _)| name)))),
            ("interval_ms", number(|minute| minute.work_ms)),
            ("sampled_ms", number(|minute| minute.sampled_ms)),
            ("active_samples", number(|minute| minute.active_samples)),
            ("transactions", number(|minute| minute.transactions)),
            ("blks_hit", number(|minute| minute.blks_hit)),
            ("blks_read", number(|minute| minute.blks_read)),
        ];
        batch(schema, minutes().count(), &columns)
    }
}

/// Puts the columns in the order of a schema. Other columns of the schema are null.
fn batch(schema: &SchemaRef, rows: usize, columns: &[(&str, ArrayRef)]) -> anyhow::Result<RecordBatch> {
    let column = |name: &str| columns.iter().find(|(known, _)| *known == name).map(|(_, column)| Arc::clone(column));
    let fields = schema.fields().iter();
    let columns = fields.map(|field| column(field.name()).unwrap_or_else(|| new_null_array(field.data_type(), rows)));
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).context("cannot build the fleet's tables")
}
