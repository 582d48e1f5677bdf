//! The options of a lake: its places and its limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pganalytics_views::ViewSet;

use crate::meta::DatabaseUrl;
use crate::query::AnswerCache;
use crate::store::StoreUrl;

/// Memory for hot rows. A fleet of 1,000 servers at default intervals ships about 4 MiB of them a second, so files are written three times a
/// minute. A fleet of 50 servers does not fill the memory before [`DEFAULT_COMPACT_EVERY`].
pub const DEFAULT_HOT_MEMORY: usize = 128 << 20;
/// Memory that all queries share, for sorts, groups, joins and answers.
pub const DEFAULT_QUERY_MEMORY: usize = 128 << 20;
/// Disk for sorts and groups that do not fit into memory: fifty times the memory, and less than a small volume has free.
pub const DEFAULT_SPILL_DISK: usize = 4 << 30;
/// The longest that a query may run. After half a minute people give up, and a dashboard has asked again.
pub const DEFAULT_QUERY_DEADLINE: Duration = Duration::from_secs(30);
/// The most rows of an answer: sparklines for 3,000 servers. A query that names no number gets 10,000.
pub const DEFAULT_MAX_ROWS: usize = 100_000;
/// Hot rows become Parquet this often: often enough that a restart replays little, rarely enough that files are not tiny.
pub const DEFAULT_COMPACT_EVERY: Duration = Duration::from_secs(300);
/// How long raw rows are kept by default: a month. Rollups go back for years.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// The options of [`crate::Lake::open`].
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// The data folder. Created if missing; readable by its owner only; used by one process at a time.
    pub folder: PathBuf,
    /// The PostgreSQL that replicas share as their meta store; `None` if the meta store is a file in the folder.
    pub database: Option<DatabaseUrl>,
    /// The place of the Parquet files.
    pub store: StoreUrl,
    /// The tables.
    pub views: ViewSet,
    /// Bytes for hot rows. From half of it on, rows are written to files early; beyond it, batches wait.
    pub hot_memory: usize,
    /// Bytes that all queries share.
    pub query_memory: usize,
    /// The folder for sorts and groups that do not fit into memory; by default `spill` in the data folder.
    pub spill_folder: Option<PathBuf>,
    /// The most bytes in that folder.
    pub spill_disk: usize,
    /// The longest that a query may run.
    pub query_deadline: Duration,
    /// The most rows of an answer. A longer answer is cut and marked as truncated.
    pub max_rows: usize,
    /// How often hot rows become Parquet.
    pub compact_every: Duration,
    /// How long raw rows are kept if no retention is set. Whole days are removed. See [`crate::Retention`].
    pub retention: Duration,
    /// The cache of answers that replicas share.
    pub answers: Option<Arc<dyn AnswerCache>>,
}

impl LakeOptions {
    /// The defaults, for a folder and a set of views.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, views: ViewSet) -> Self {
        Self {
            folder: folder.into(),
            database: None,
            store: StoreUrl::default(),
            views,
            hot_memory: DEFAULT_HOT_MEMORY,
            query_memory: DEFAULT_QUERY_MEMORY,
            spill_folder: None,
            spill_disk: DEFAULT_SPILL_DISK,
            query_deadline: DEFAULT_QUERY_DEADLINE,
            max_rows: DEFAULT_MAX_ROWS,
            compact_every: DEFAULT_COMPACT_EVERY,
            retention: DEFAULT_RETENTION,
            answers: None,
        }
    }
}
