//! How the engine is set: what every query begins with.

use datafusion::config::Dialect;
use datafusion::error::Result;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use super::functions;
use super::schemas::{CATALOG, PUBLIC};

/// The part of the memory that a sort keeps free to merge what it has put on disk, and the least and the most of it: DataFusion's own
/// default of 10 MiB a core and query would leave nothing of a small memory.
const MERGE_RESERVE: usize = 64;
const LEAST_RESERVE: usize = 1 << 20;
const MOST_RESERVE: usize = 10 << 20;
/// A file smaller than this is not shared between cores: opening it twice costs more.
const SHARED_FILE: usize = 1 << 20;
/// Rows in a batch between operators: DataFusion's own default, said here because the bounds of texts rest on it.
const BATCH_ROWS: usize = 8_192;

/// The state that each query's is made from; all queries share so many bytes of memory.
pub(crate) fn session(memory: usize) -> Result<SessionState> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut config = SessionConfig::new()
        .with_target_partitions(cores)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, PUBLIC)
        .with_repartition_file_min_size(SHARED_FILE)
        .with_sort_spill_reservation_bytes((memory / MERGE_RESERVE).clamp(LEAST_RESERVE, MOST_RESERVE));
    let settings = config.options_mut();
    settings.sql_parser.collect_spans = true;
    settings.sql_parser.dialect = Dialect::PostgreSQL;
    settings.execution.time_zone = Some("UTC".into());
    settings.execution.parquet.pushdown_filters = true;
    settings.execution.parquet.reorder_filters = true;
    let mut session = SessionStateBuilder::new_with_default_features().with_config(config).build();
    functions::register(&mut session)?;
    Ok(session)
}
