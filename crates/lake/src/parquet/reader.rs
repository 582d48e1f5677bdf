//! Reading Parquet files: for queries, and for merging.
//!
//! # Promise
//! DataFusion can reach the files of this lake and nothing else: its registry holds this one store under a URL of its own, and no
//! `file://`. Footers and page indexes are cached in memory. The cache is never stale, because files never change and ids are not reused.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry as _, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{binary, col, lit};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::prelude::SessionConfig;
use pganalytics_views::TS;
use url::Url;

use super::blame::{Blame, away};
use super::properties::ASCENDING;
use super::pruning::statistics;
use crate::model::{LiveFile, Shape};
use crate::store::Store;

/// The cache of footers and page indexes. A large file needs about 100 kB, so the cache holds the days that people look at.
const METADATA_CACHE: usize = 32 << 20;
/// Rows in a batch of a merge. Each input holds two batches in memory, and a row of statements takes half a kilobyte.
const MERGE_ROWS: usize = 1_024;
/// The URL of the only store.
const STORE: &str = "lake://files";

/// The files of one lake.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    store: Store,
    url: ObjectStoreUrl,
    runtime: Arc<RuntimeEnv>,
    reader: Arc<CachedParquetFileReaderFactory>,
}

impl Files {
    pub(crate) fn open(store: &Store) -> anyhow::Result<Self> {
        let url = ObjectStoreUrl::parse(STORE)?;
        let registry = DefaultObjectStoreRegistry::new();
        registry.deregister_store(&Url::parse("file:///")?)?;
        registry.register_store(url.as_ref(), store.objects());
        let runtime = RuntimeEnvBuilder::new()
            .with_object_store_registry(Arc::new(registry))
            .with_memory_pool(Arc::new(UnboundedMemoryPool::default()))
            // A merge streams and never spills to disk.
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .with_metadata_cache_limit(METADATA_CACHE)
            .build_arc()?;
        let reader = Arc::new(CachedParquetFileReaderFactory::new(store.objects(), runtime.cache_manager.get_file_metadata_cache()));
        Ok(Self { store: store.clone(), url, runtime, reader })
    }

    /// The runtime of queries: their memory and spill disk, with the shared store and cache.
    pub(crate) fn runtime(&self, memory: Arc<dyn MemoryPool>, disk: Arc<DiskManager>) -> Arc<RuntimeEnv> {
        Arc::new(RuntimeEnv { memory_pool: memory, disk_manager: disk, ..self.runtime.as_ref().clone() })
    }

    /// A scan of some files of a table, divided among `partitions`.
    pub(crate) fn scan(
        &self,
        shape: &Shape,
        files: &[Arc<LiveFile>],
        partitions: usize,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
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

    /// A scan of some files of a table: one partition a file, in the order of the file, filtered by the predicate.
    pub(crate) fn each(
        &self,
        shape: &Shape,
        files: &[Arc<LiveFile>],
        projection: Option<&Vec<usize>>,
        predicate: Option<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut source = self.source(&shape.stored);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let groups = files.iter().map(|file| FileGroup::new(vec![partitioned(shape, file)])).collect();
        // Without a declared order, DataFusion would move files between partitions.
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

    /// Finds why reading files failed: the store does not answer, or a file is damaged. Reads all the files if no other way finds the
    /// damaged one.
    pub(crate) async fn blame(&self, error: &(dyn std::error::Error + Send + Sync + 'static), files: &[Arc<LiveFile>]) -> Option<Blame> {
        if let Some(away) = away(error) {
            return Some(Blame::Away(away));
        }
        for file in files {
            let found = match self.store.checksum(&file.path()).await {
                Ok(found) if found == file.crc32 => continue,
                Ok(found) => format!("its checksum is {found:08x}, but was {:08x} when written", file.crc32),
                Err(error) => match away(error.as_ref()) {
                    Some(away) => return Some(Blame::Away(away)),
                    None => match self.store.answers().await {
                        Ok(()) => format!("{error:#}"),
                        // A missing bucket looks like a missing file.
                        Err(error) => return Some(Blame::Away(format!("{error:#}"))),
                    },
                },
            };
            return Some(Blame::Damaged {
                id: file.id,
                file: format!("the file {} of the history is damaged or missing ({found})", self.store.shown(&file.path())),
                remedy: format!(
                    "run pganalytics lake verify to find other damaged files, and restore the file from a backup, or give up its {} rows: \
                     delete from files where id = {}",
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
fn order(shape: &Shape) -> Result<LexOrdering> {
    let fields = shape.order.iter().map(|at| shape.stored.field(*at).name());
    let order = fields.map(|name| Ok(PhysicalSortExpr::new(col(name, &shape.stored)?, ASCENDING)));
    let order: Vec<_> = order.collect::<Result<_>>()?;
    LexOrdering::new(order).ok_or_else(|| DataFusionError::Internal(format!("table {} has no sort order", shape.name())))
}

fn partitioned(shape: &Shape, file: &LiveFile) -> PartitionedFile {
    PartitionedFile::new(file.path(), file.bytes).with_statistics(Arc::new(statistics(shape, std::iter::once((file.rows, &file.extent)))))
}
