//! Reading Parquet files: for queries, and for merging.
//!
//! # Promise
//! Nothing but the files of this lake can be reached through DataFusion: its registry holds this one store, under a URL of its
//! own, and no `file://`. Footers and page indexes are kept in memory; files never change and ids are never used again, so what is kept
//! is always right.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry as _, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{binary, col, lit};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::prelude::SessionConfig;
use pganalytics_views::{SERVER, TS};
use url::Url;

use crate::catalog::files::LiveFile;
use crate::decode::shaped::Extent;
use crate::model::shape::{SERVER_AT, Shape, TS_AT};
use crate::parquet::draft::ASCENDING;
use crate::query::spill::Spill;
use crate::store::Store;

/// Footers and page indexes kept in memory: some 100 kB each for a large file, so those of the days people look at.
const METADATA_CACHE: usize = 32 << 20;
/// Rows in a batch of a merge: each input has two of them in memory, and a row of statements takes half a kilobyte.
const MERGE_ROWS: usize = 1_024;
/// The one store's URL.
const STORE: &str = "lake://files";

/// The files of one lake.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    store: Store,
    url: ObjectStoreUrl,
    runtime: Arc<RuntimeEnv>,
    reader: Arc<CachedParquetFileReaderFactory>,
    /// Held while anything may be in it.
    _spill: Arc<Spill>,
}

impl Files {
    pub(crate) fn open(store: &Store, spill: Spill) -> anyhow::Result<Self> {
        let url = ObjectStoreUrl::parse(STORE)?;
        let registry = DefaultObjectStoreRegistry::new();
        registry.deregister_store(&Url::parse("file:///")?)?;
        registry.register_store(url.as_ref(), store.objects());
        let runtime = RuntimeEnvBuilder::new()
            .with_object_store_registry(Arc::new(registry))
            .with_memory_pool(Arc::new(UnboundedMemoryPool::default()))
            .with_disk_manager_builder(spill.disk())
            .with_metadata_cache_limit(METADATA_CACHE)
            .build_arc()?;
        let reader = Arc::new(CachedParquetFileReaderFactory::new(store.objects(), runtime.cache_manager.get_file_metadata_cache()));
        Ok(Self { store: store.clone(), url, runtime, reader, _spill: Arc::new(spill) })
    }

    /// The environment of queries: their memory, and the shared store, cache and disk.
    pub(crate) fn runtime(&self, memory: Arc<dyn MemoryPool>) -> Arc<RuntimeEnv> {
        Arc::new(RuntimeEnv { memory_pool: memory, ..self.runtime.as_ref().clone() })
    }

    /// A scan of some files of a table, shared out among so many partitions.
    pub(crate) fn scan(
        &self,
        shape: &Shape,
        files: &[Arc<LiveFile>],
        partitions: usize,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new(); partitions.clamp(1, files.len().max(1))];
        let count = groups.len();
        for (i, file) in files.iter().enumerate() {
            groups[i % count].push(partitioned(shape, file));
        }
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::new(self.source(&shape.stored)))
            .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
            .with_statistics(statistics(shape, files.iter().map(|file| (file.rows, &file.extent))))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// A scan of some files of a table, each a partition in its order, without rows of which the predicate is not true.
    pub(crate) fn each(
        &self,
        shape: &Shape,
        files: &[Arc<LiveFile>],
        projection: Option<&Vec<usize>>,
        predicate: Option<Arc<dyn PhysicalExpr>>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let mut source = self.source(&shape.stored);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let groups = files.iter().map(|file| FileGroup::new(vec![partitioned(shape, file)])).collect();
        // Without the ordering, partitions would take files from one another.
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_output_ordering(vec![order(shape)?])
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// The rows of some files of a table from a moment on, in the order of a file.
    pub(crate) fn since(&self, shape: &Shape, files: &[Arc<LiveFile>], since: i64) -> anyhow::Result<SendableRecordBatchStream> {
        let moment = ScalarValue::TimestampMicrosecond(Some(since), Some("UTC".into()));
        let is_newer = binary(col(TS, &shape.stored)?, Operator::GtEq, lit(moment), &shape.stored)?;
        self.in_order(shape, files, Some(is_newer))
    }

    /// All rows of some files of a table in the order of a file.
    pub(crate) fn merged(&self, shape: &Shape, files: &[Arc<LiveFile>]) -> anyhow::Result<SendableRecordBatchStream> {
        self.in_order(shape, files, None)
    }

    fn in_order(
        &self,
        shape: &Shape,
        files: &[Arc<LiveFile>],
        predicate: Option<Arc<dyn PhysicalExpr>>,
    ) -> anyhow::Result<SendableRecordBatchStream> {
        let merge = SortPreservingMergeExec::new(order(shape)?, self.each(shape, files, None, predicate)?);
        let config = SessionConfig::new().with_batch_size(MERGE_ROWS);
        let context = TaskContext::default().with_session_config(config).with_runtime(Arc::clone(&self.runtime));
        Ok(merge.execute(0, Arc::new(context))?)
    }

    /// Says what an error from reading files comes from: a store that does not give them, or a file that is damaged. Reads them all where it
    /// must, to find that one.
    pub(crate) async fn blame(&self, error: &(dyn std::error::Error + Send + Sync + 'static), files: &[Arc<LiveFile>]) -> Option<Blame> {
        if let Some(away) = away(error) {
            return Some(Blame::Away(away));
        }
        for file in files {
            let found = match self.store.checksum(&file.path()).await {
                Ok(found) if found == file.crc32 => continue,
                Ok(found) => format!("its checksum is {found:08x}, and was written as {:08x}", file.crc32),
                Err(error) => match away(error.as_ref()) {
                    Some(away) => return Some(Blame::Away(away)),
                    None => match self.store.answers().await {
                        Ok(()) => format!("{error:#}"),
                        // Without its bucket no file is there.
                        Err(error) => return Some(Blame::Away(format!("{error:#}"))),
                    },
                },
            };
            return Some(Blame::Damaged {
                file: format!("the file {} of the history is damaged or missing ({found})", self.store.shown(&file.path())),
                remedy: format!(
                    "see with pganalytics lake verify what else is, and restore it from a backup, or give its {} rows up: delete from files where id = {}",
                    file.rows, file.id
                ),
            });
        }
        None
    }

    fn source(&self, schema: &SchemaRef) -> ParquetSource {
        ParquetSource::new(schema)
            .with_parquet_file_reader_factory(Arc::clone(&self.reader) as _)
            .with_pushdown_filters(true)
            .with_reorder_filters(true)
            .with_enable_page_index(true)
    }
}

/// The order of a table's files.
fn order(shape: &Shape) -> datafusion::error::Result<LexOrdering> {
    let fields = shape.order.iter().map(|at| shape.stored.field(*at).name());
    let order = fields.map(|name| Ok(PhysicalSortExpr::new(col(name, &shape.stored)?, ASCENDING)));
    let order: Vec<_> = order.collect::<datafusion::error::Result<_>>()?;
    LexOrdering::new(order).ok_or_else(|| DataFusionError::Internal(format!("{} without a sort order", shape.name())))
}

/// Why files could not be read.
#[derive(Debug)]
pub(crate) enum Blame {
    /// One is not as it was written, or not there; which, and what to do about it.
    Damaged { file: String, remedy: String },
    /// The store gives none; in its own words.
    Away(String),
}

/// The store's own words, where it is not the file that is missing or damaged.
fn away(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<object_store::Error>() {
            Some(object_store::Error::NotFound { .. }) => return None,
            Some(error) => return Some(error.to_string()),
            None => cause = error.source(),
        }
    }
    None
}

fn partitioned(shape: &Shape, file: &LiveFile) -> PartitionedFile {
    PartitionedFile::new(file.path(), file.bytes).with_statistics(Arc::new(statistics(shape, std::iter::once((file.rows, &file.extent)))))
}

/// What is known of rows without reading them: their number, and the first and last of `ts` and `server`.
fn statistics<'a>(shape: &Shape, parts: impl Iterator<Item = (u64, &'a Extent)>) -> Statistics {
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

/// Those parts that may hold rows of which the predicate is true, by their `ts` and `server`.
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
