//! Where a lake lives and what it may use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pganalytics_views::ViewSet;

use crate::answers::AnswerCache;
use crate::meta::DatabaseUrl;
use crate::store::StoreUrl;

/// Memory one query may take for sorting, grouping and joining. With [`crate::QUERIES_AT_ONCE`] this bounds the process.
pub const DEFAULT_QUERY_MEMORY: usize = 256 << 20;
/// The longest a query may run: beyond half a minute a person has given up, and a dashboard has asked again.
pub const DEFAULT_QUERY_DEADLINE: Duration = Duration::from_secs(30);
/// Rows in one answer: more than any chart shows or any person reads.
pub const DEFAULT_MAX_ROWS: usize = 10_000;
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
    /// Bytes one query may take.
    pub query_memory: usize,
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
            query_memory: DEFAULT_QUERY_MEMORY,
            query_deadline: DEFAULT_QUERY_DEADLINE,
            max_rows: DEFAULT_MAX_ROWS,
            compact_every: DEFAULT_COMPACT_EVERY,
            retention: DEFAULT_RETENTION,
            answers: None,
        }
    }
}
