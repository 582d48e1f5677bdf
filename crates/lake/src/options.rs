//! Where a lake lives and what it may use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pganalytics_views::ViewSet;

use crate::meta::DatabaseUrl;
use crate::query::AnswerCache;
use crate::store::StoreUrl;

/// Memory for rows that are in no file yet. A fleet of 1,000 servers at default intervals ships some 4 MiB of them a second, so it writes
/// files three times a minute; one of 50 servers fills it no sooner than [`DEFAULT_COMPACT_EVERY`].
pub const DEFAULT_HOT_MEMORY: usize = 128 << 20;
/// Memory that all queries share for sorting, grouping, joining and their answers.
pub const DEFAULT_QUERY_MEMORY: usize = 128 << 20;
/// Disk for what queries sort and group beyond their memory: fifty times that, and less than a small volume has free.
pub const DEFAULT_SPILL_DISK: usize = 4 << 30;
/// The longest a query may run: beyond half a minute a person has given up, and a dashboard has asked again.
pub const DEFAULT_QUERY_DEADLINE: Duration = Duration::from_secs(30);
/// Rows in one answer: a sparkline for each of 3,000 servers. Who does not say how many gets 10,000.
pub const DEFAULT_MAX_ROWS: usize = 100_000;
/// Hot rows become Parquet this often: often enough that a restart replays little, rarely enough that files are not tiny.
pub const DEFAULT_COMPACT_EVERY: Duration = Duration::from_secs(300);
/// How long rows are kept as they were collected, where no setting says otherwise: a month to look into; rollups go back for years.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// What [`crate::Lake::open`] needs to know.
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// The data folder; created if missing, readable by its owner only. One process at a time.
    pub folder: PathBuf,
    /// The PostgreSQL that replicas share as their meta store; none where it is a file in the folder.
    pub database: Option<DatabaseUrl>,
    /// Where the files of the history lie.
    pub store: StoreUrl,
    /// The tables.
    pub views: ViewSet,
    /// Bytes of rows that are in no file yet. From half of it on they are written early; beyond it batches wait.
    pub hot_memory: usize,
    /// Bytes that all queries share.
    pub query_memory: usize,
    /// Where they put what does not fit: `spill` in the data folder where none is named.
    pub spill_folder: Option<PathBuf>,
    /// Bytes they may put there.
    pub spill_disk: usize,
    /// The longest a query may run.
    pub query_deadline: Duration,
    /// Rows in one answer; the rest is cut and the answer says so.
    pub max_rows: usize,
    /// How often hot rows become Parquet.
    pub compact_every: Duration,
    /// Rows as collected that are older than this are removed, whole days at a time, unless the retention is set. See [`crate::Retention`].
    pub retention: Duration,
    /// Where answers are kept for whoever asks the same again, of any replica.
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
