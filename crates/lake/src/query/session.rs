//! DataFusion's settings, with which every query begins.

use std::sync::Arc;

use datafusion::config::Dialect;
use datafusion::error::Result;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use super::budget::BATCH_ROWS;
use super::dialect::{self, Functions};
use super::functions;
use super::schemas::{CATALOG, PUBLIC};

/// The share of the memory (one 64th) that a sort reserves to merge its spilled runs, with a lower and an upper bound. DataFusion's default
/// of 10 MiB per core and query would use up a small memory.
const MERGE_RESERVE: usize = 64;
const LEAST_RESERVE: usize = 1 << 20;
const MOST_RESERVE: usize = 10 << 20;
/// Files smaller than this are not split between cores, because opening a file twice costs more.
const SHARED_FILE: usize = 1 << 20;

/// The session state that each query's state is copied from, and the functions of the dialect. `memory` is the number of bytes that all queries share.
pub(crate) fn session(memory: usize) -> Result<(SessionState, Arc<Functions>)> {
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
    // As in PostgreSQL, a number with a point is a numeric.
    settings.sql_parser.parse_float_as_decimal = true;
    settings.execution.time_zone = Some("UTC".into());
    settings.execution.enforce_batch_size_in_joins = true;
    settings.execution.parquet.pushdown_filters = true;
    settings.execution.parquet.reorder_filters = true;
    let mut session = SessionStateBuilder::new_with_default_features().with_config(config).build();
    functions::register(&mut session)?;
    let dialect = dialect::register(&mut session)?;
    Ok((session, dialect))
}
