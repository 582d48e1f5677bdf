//! Statistics of files and hot rows, and which of them a predicate excludes without reading them.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use pganalytics_views::{SERVER, TS};

use crate::model::{Extent, SERVER_AT, Shape, TS_AT};

/// Statistics of each part: the number of rows, and the least and greatest `ts` and `server`.
pub(crate) fn statistics<'a>(shape: &Shape, parts: impl Iterator<Item = (u64, &'a Extent)>) -> Statistics {
    let mut known = Statistics::new_unknown(&shape.stored);
    let mut rows = 0;
    let mut all: Option<Extent> = None;
    for (count, extent) in parts {
        rows += usize::try_from(count).unwrap_or(usize::MAX);
        all = Some(match all {
            Some(all) => all.and(extent.clone()),
            None => extent.clone(),
        });
    }
    known.num_rows = Precision::Exact(rows);
    if let Some(extent) = all {
        let ts = |ts| Precision::Exact(ScalarValue::TimestampMicrosecond(Some(ts), Some("UTC".into())));
        let server = |name| Precision::Exact(ScalarValue::Utf8View(Some(name)));
        let none = Precision::Exact(0);
        known.column_statistics[TS_AT] = ColumnStatistics {
            null_count: none,
            min_value: ts(extent.min_ts),
            max_value: ts(extent.max_ts),
            ..ColumnStatistics::new_unknown()
        };
        known.column_statistics[SERVER_AT] = ColumnStatistics {
            null_count: none,
            min_value: server(extent.min_server),
            max_value: server(extent.max_server),
            ..ColumnStatistics::new_unknown()
        };
    }
    known
}

/// The parts that may hold matching rows, by their `ts` and `server`.
pub(crate) fn pruned<T>(
    parts: &[Arc<T>],
    extent: impl Fn(&T) -> &Extent,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
    schema: &SchemaRef,
) -> Vec<Arc<T>> {
    let keep = predicate.and_then(|predicate| {
        let predicate = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).try_build(Arc::clone(predicate)).ok()?;
        predicate.prune(&Extents(parts.iter().map(|part| extent(part)).collect())).ok()
    });
    match keep {
        Some(keep) => parts.iter().zip(keep).filter(|(_, keep)| *keep).map(|(part, _)| Arc::clone(part)).collect(),
        None => parts.to_vec(),
    }
}

struct Extents<'a>(Vec<&'a Extent>);

impl Extents<'_> {
    fn values(&self, column: &Column, ts: impl Fn(&Extent) -> i64, server: impl Fn(&Extent) -> &str) -> Option<ArrayRef> {
        match column.name() {
            TS => Some(Arc::new(TimestampMicrosecondArray::from_iter_values(self.0.iter().map(|extent| ts(extent))).with_timezone("UTC"))),
            SERVER => Some(Arc::new(StringViewArray::from_iter_values(self.0.iter().map(|extent| server(extent))))),
            _ => None,
        }
    }
}

impl PruningStatistics for Extents<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |extent| extent.min_ts, |extent| &extent.min_server)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |extent| extent.max_ts, |extent| &extent.max_server)
    }

    fn num_containers(&self) -> usize {
        self.0.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Column, _: &std::collections::HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
